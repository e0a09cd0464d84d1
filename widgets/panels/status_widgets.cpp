// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/status_widgets.h"

#include <algorithm>

#include <QHBoxLayout>
#include <QProgressBar>
#include <QPushButton>
#include <QShortcut>

#include "core/report/number_text.h"
#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int barWidth = 160;
constexpr int barSteps = 1000; // QProgressBar counts in int, bytes do not fit

constexpr int buttonHeight = 20;

} // namespace

JobStatus::JobStatus(QWidget *parent)
    : QWidget(parent), m_name(new ThemedLabel(FontRole::Body, UiColour::Text)), m_bar(new QProgressBar),
      m_text(new ThemedLabel(FontRole::Body, UiColour::Text)), m_cancel(new QPushButton(tr("Cancel"))) {
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 8, 0);
    layout->setSpacing(8);
    m_bar->setFixedWidth(barWidth);
    m_bar->setRange(0, barSteps);
    m_bar->setTextVisible(false);
    // The status bar is lower than other buttons.
    m_cancel->setStyleSheet(QStringLiteral("QPushButton { min-height: 0; max-height: %1px; padding: 0 8px; }")
                                .arg(currentTheme().scaled(buttonHeight)));
    m_cancel->setToolTip(tr("Stop; what is finished is kept (Esc here, Ctrl+. anywhere)"));
    m_cancel->setAccessibleName(tr("Cancel the running job"));
    layout->addWidget(m_name);
    layout->addWidget(m_bar);
    layout->addWidget(m_text);
    layout->addWidget(m_cancel);
    connect(m_cancel, &QPushButton::clicked, this, &JobStatus::cancelRequested);
    auto *escape = new QShortcut(QKeySequence(Qt::Key_Escape), this);
    escape->setContext(Qt::WidgetWithChildrenShortcut);
    connect(escape, &QShortcut::activated, this, &JobStatus::cancelRequested);
    hide();
}

void JobStatus::start(const QString &name) {
    m_name->setText(name);
    m_bar->setAccessibleName(name);
    m_bar->setValue(0);
    m_text->clear();
    m_cancel->setEnabled(true);
    show();
}

void JobStatus::setProgress(std::uint64_t done, std::uint64_t total, const QString &text,
                            std::optional<double> secondsLeft) {
    const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
    m_bar->setValue(static_cast<int>(std::clamp(share, 0.0, 1.0) * barSteps));
    m_text->setText(secondsLeft ? tr("%1 · %2 left").arg(text, QString::fromStdString(durationText(*secondsLeft)))
                                : text);
    m_bar->setAccessibleDescription(m_text->text());
}

void JobStatus::finish() { hide(); }

QString JobStatus::text() const { return m_text->text(); }

std::optional<double> TimeLeft::seconds(double elapsed, int tensorsDone, std::uint64_t bytesDone,
                                        std::uint64_t bytes) const {
    if (tensorsDone < 3 || elapsed < 1 || bytesDone == 0 || bytesDone > bytes)
        return std::nullopt;
    return elapsed / static_cast<double>(bytesDone) * static_cast<double>(bytes - bytesDone);
}

MachineStatus::MachineStatus(QWidget *parent)
    : QWidget(parent), m_machine(new ThemedLabel(FontRole::Body, UiColour::Text2)),
      m_memory(new ThemedLabel(FontRole::Body, UiColour::Text2)) {
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(8, 0, 8, 0);
    layout->setSpacing(10);
    layout->addWidget(m_machine);
    auto *line = new DividerLine(Qt::Vertical);
    line->setFixedHeight(14);
    layout->addWidget(line);
    layout->addWidget(m_memory);
    m_machine->setAccessibleName(tr("Instruction set and threads"));
    m_memory->setAccessibleName(tr("Memory of this process"));
}

void MachineStatus::setMachine(const QString &instructionSet, int threads, const QString &toolTip) {
    m_machine->setText(threads == 1 ? tr("%1 · 1 thread").arg(instructionSet)
                                    : tr("%1 · %2 threads").arg(instructionSet).arg(threads));
    m_machine->setToolTip(toolTip);
}

void MachineStatus::setMemory(std::uint64_t bytes) {
    // Whole MiB: the third digit of a number that always moves is no news.
    const double mebibytes = static_cast<double>(bytes) / (1 << 20);
    m_memory->setText(QString::fromStdString(mebibytes < 999.5 ? withUnit(fixedText(mebibytes, 0), "MiB")
                                                               : bytesText(static_cast<double>(bytes))));
    m_memory->setToolTip(tr("Memory of this process: %1 bytes").arg(QString::fromStdString(countText(bytes))));
}

} // namespace nibblescope
