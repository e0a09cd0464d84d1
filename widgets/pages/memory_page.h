// SPDX-License-Identifier: GPL-3.0-or-later
// What the model takes: bars against FP32, FP16 and INT8, the table of parts, rules of thumb beside what is true here.
#pragma once

#include "core/report/figures_memory.h"
#include "widgets/pages/page_widget.h"

class QComboBox;
class QLabel;

namespace nibblescope {

class FittedTable;

class MemoryPage : public PageWidget {
    Q_OBJECT
public:
    explicit MemoryPage(QWidget *parent = nullptr);

    struct Content {
        std::vector<MemoryBar> bars;
        std::vector<MemoryPartRow> parts;
        std::vector<SaidRule> rules;
        QString recipe;
        QString cacheReason; // why the KV cache is not known; empty: it is
        std::uint64_t context = 0;
    };
    void setContent(const Content &content);

    // What the controls ask for.
    MemoryOptions memoryOptions() const;
    double deviceGiB() const;
    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

private:
    void buildBar();
    QComboBox *addCombo(const QString &label, const QStringList &items, const QString &tip, bool editable);

    QComboBox *m_context = nullptr;
    QComboBox *m_batch = nullptr;
    QComboBox *m_cacheType = nullptr;
    QComboBox *m_device = nullptr;
    PlotView *m_bars = nullptr;
    QLabel *m_partsTitle = nullptr;
    FittedTable *m_parts = nullptr;
    FittedTable *m_rules = nullptr;
    std::optional<std::uint64_t> m_chosenContext; // absent: the usual one
};

} // namespace nibblescope
