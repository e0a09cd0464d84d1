// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/chart_accessible.h"

#include "widgets/plots/chart.h"

#include <QAccessible>
#include <QAccessibleWidget>

namespace nibblescope {
namespace {

class ChartAccessible : public QAccessibleWidget {
public:
    explicit ChartAccessible(Chart *chart) : QAccessibleWidget(chart, QAccessible::Chart) {}

    QString text(QAccessible::Text kind) const override {
        if (kind == QAccessible::Value)
            return static_cast<const Chart *>(widget())->cursorText();
        return QAccessibleWidget::text(kind);
    }
};

QAccessibleInterface *makeInterface(const QString &, QObject *object) {
    auto *chart = qobject_cast<Chart *>(object);
    return chart ? new ChartAccessible(chart) : nullptr;
}

} // namespace

void useChartAccessibility() {
    QAccessible::removeFactory(makeInterface); // once only
    QAccessible::installFactory(makeInterface);
}

} // namespace nibblescope
