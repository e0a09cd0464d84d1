// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/recipe_panel.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <QAbstractItemView>
#include <QEvent>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QScrollArea>
#include <QStandardItemModel>
#include <QStylePainter>
#include <QTimer>
#include <QVBoxLayout>
#include <QWheelEvent>

#include "core/quant/quantize.h"
#include "core/report/number_text.h"
#include "widgets/panels/bits_block.h"
#include "widgets/panels/format_combo.h"
#include "widgets/panels/recipe_edit.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/stop_slider.h"
#include "widgets/panels/themed_label.h"

namespace nibblescope {
namespace {

constexpr int margin = 12;
constexpr int labelWidth = 96;
constexpr int rowHeight = 28;
constexpr int rowGap = 6;
constexpr int typingMilliseconds = 250;

const std::vector<GroupSize> &stops() {
    static const std::vector<GroupSize> table = {GroupSize::of(16),  GroupSize::of(32),  GroupSize::of(64),
                                                 GroupSize::of(128), GroupSize::of(256), GroupSize::of(512),
                                                 GroupSize::row(),   GroupSize::tensor()};
    return table;
}

QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

QStringList stopNames() {
    QStringList names;
    for (const GroupSize size : stops())
        names << qs(toString(size));
    return names;
}

// Where a size stands on the slider; between stops on a scale of powers of two.
double positionOf(GroupSize size) {
    for (std::size_t i = 0; i < stops().size(); ++i) {
        if (stops()[i] == size)
            return static_cast<double>(i);
    }
    return std::clamp(std::log2(static_cast<double>(size.count)) - 4, 0.0, 5.9);
}

// A combo box that says something else than one of its rows, and leaves the wheel to the dock until it is in focus.
class QuietCombo : public QComboBox {
public:
    // As wide as the panel gives it, however long the longest entry is.
    explicit QuietCombo(QWidget *parent = nullptr) : QComboBox(parent) {
        setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        setMinimumContentsLength(6);
    }
    void setShownText(const QString &text) {
        m_shown = text;
        setAccessibleDescription(text);
        update();
    }

protected:
    void paintEvent(QPaintEvent *event) override {
        if (isEditable() || m_shown.isEmpty()) {
            QComboBox::paintEvent(event);
            return;
        }
        QStylePainter painter(this);
        QStyleOptionComboBox option;
        initStyleOption(&option);
        option.currentText = m_shown;
        painter.drawComplexControl(QStyle::CC_ComboBox, option);
        painter.drawControl(QStyle::CE_ComboBoxLabel, option);
    }
    void wheelEvent(QWheelEvent *event) override {
        if (hasFocus())
            QComboBox::wheelEvent(event);
        else
            event->ignore();
    }

private:
    QString m_shown;
};

void setItemProblem(QComboBox &box, int row, const std::optional<QString> &reason, const QString &help) {
    QStandardItem *item = static_cast<QStandardItemModel *>(box.model())->item(row);
    item->setEnabled(!reason);
    item->setToolTip(reason.value_or(help));
}

} // namespace

class RecipePanel::Private : public QObject {
public:
    explicit Private(RecipePanel &panel) : q(panel) {}

    void build();
    void addRow(const QString &text, QWidget *field, const QString &help);
    void connectFields();
    void refresh();
    void refreshPreset();
    void refreshGroupSize();
    void refreshProblems();
    void refreshBits();
    void fix(QWidget *field, const std::optional<QString> &reason);
    void apply(const Recipe &next, const QString &presetName = {});
    void typed(const QString &text);
    void submitTyped();
    void chooseGroupSize(GroupSize size);
    void showHelp();
    QString helpOf(const QWidget *field) const;
    bool eventFilter(QObject *watched, QEvent *event) override;

    RecipePanel &q;
    Recipe recipe;
    Recipe previewed; // typed and valid, not yet applied: the readout is ahead of the recipe
    GroupChoice choice;
    bool rowsByInt8 = false; // the last change of format brought whole rows
    bool stored = false;
    std::optional<ModelShapes> model;
    QString tensorName;
    std::optional<MatrixShape> tensor;
    std::optional<Recipe> baseline;
    std::vector<Preset> userPresets;
    QString lastPreset;
    QString problem;
    QString typedProblem;

    QLabel *empty = nullptr;
    QWidget *body = nullptr;
    QGridLayout *grid = nullptr;
    QuietCombo *preset = nullptr;
    FormatCombo *format = nullptr;
    QuietCombo *groupSize = nullptr;
    QWidget *groupRow = nullptr;
    QLabel *unit = nullptr;
    StopSlider *slider = nullptr;
    SegmentedControl *blocks = nullptr;
    SegmentedControl *scaleType = nullptr;
    QuietCombo *doubleQuant = nullptr;
    QuietCombo *method = nullptr;
    MethodRows *methodRows = nullptr;
    BitsBlock *bits = nullptr;
    QTimer *typing = nullptr;
    std::map<const QWidget *, QString> helps;
    std::map<const QWidget *, QString> reasons; // why a field is fixed
    const QWidget *hovered = nullptr;
    const QWidget *focused = nullptr;
};

RecipePanel::RecipePanel(QWidget *parent) : QWidget(parent), d(std::make_unique<Private>(*this)) {
    d->recipe = presets().front().recipe;
    d->previewed = d->recipe;
    d->lastPreset = QString::fromStdString(presets().front().name);
    d->build();
    d->connectFields();
    setMinimumWidth(264);
    setModel(std::nullopt);
    d->refresh();
}

RecipePanel::~RecipePanel() = default;

void RecipePanel::setModel(std::optional<ModelShapes> model) {
    d->model = std::move(model);
    d->body->setVisible(d->model.has_value());
    d->empty->setVisible(!d->model);
    d->refreshBits();
}

void RecipePanel::setTensor(const QString &shortName, std::optional<MatrixShape> shape) {
    d->tensorName = shortName;
    d->tensor = shape;
    d->refreshBits();
    d->showHelp();
}

void RecipePanel::setBaseline(const std::optional<Recipe> &baseline) {
    d->baseline = baseline;
    d->refreshBits();
}

void RecipePanel::setUserPresets(std::vector<Preset> presets) {
    d->userPresets = std::move(presets);
    d->refreshPreset();
}

void RecipePanel::setRecipe(const Recipe &recipe) {
    if (recipe == d->recipe && d->typedProblem.isEmpty())
        return;
    d->recipe = recipe;
    d->rowsByInt8 = false;
    if (traits(recipe.format).fixedGroupSize == 0) {
        d->choice.byHand = recipe.groupSize != defaultRecipe(recipe.format).groupSize;
        if (recipe.format != Format::Int8 || d->choice.byHand)
            d->choice.size = recipe.groupSize;
    }
    d->refresh();
}

const Recipe &RecipePanel::recipe() const { return d->recipe; }

void RecipePanel::setStored(bool stored) {
    d->stored = stored;
    d->refresh();
}

void RecipePanel::setCalibration(const CalibrationState &state) {
    if (state == d->methodRows->calibration())
        return;
    d->methodRows->setCalibration(state);
    d->refreshProblems();
}

void RecipePanel::setGroupSizeByHand(bool byHand) { d->choice.byHand = byHand; }

double RecipePanel::bitsPerWeight() const { return d->bits->bitsPerWeight(); }

void RecipePanel::Private::build() {
    auto *layout = new QVBoxLayout(&q);
    layout->setContentsMargins(0, 0, 0, 0);
    empty = new ThemedLabel(RecipePanel::tr("No model open"), FontRole::Body, UiColour::Text2);
    empty->setContentsMargins(margin, 9, margin, 9);
    empty->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    layout->addWidget(empty);
    body = new QWidget;
    layout->addWidget(body, 1);
    auto *column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);

    auto *form = new QWidget;
    grid = new QGridLayout(form);
    grid->setContentsMargins(margin, margin, margin, 8);
    grid->setHorizontalSpacing(0);
    grid->setVerticalSpacing(rowGap);
    grid->setColumnMinimumWidth(0, labelWidth);
    grid->setColumnStretch(1, 1);

    preset = new QuietCombo;
    format = new FormatCombo;
    groupSize = new QuietCombo;
    groupSize->setEditable(true);
    groupSize->setInsertPolicy(QComboBox::NoInsert);
    groupSize->setCompleter(nullptr);
    groupSize->addItems(stopNames());
    groupSize->setMaxVisibleItems(10);
    unit = new ThemedLabel(RecipePanel::tr("weights"), FontRole::Body, UiColour::Text2);
    groupRow = new QWidget;
    auto *groupLayout = new QHBoxLayout(groupRow);
    groupLayout->setContentsMargins(0, 0, 0, 0);
    groupLayout->setSpacing(8);
    groupLayout->addWidget(groupSize, 1);
    groupLayout->addWidget(unit, 1);
    slider = new StopSlider(stopNames(), {0, 2, 4, 7});
    blocks = new SegmentedControl({nameOf(Blocks::Row), nameOf(Blocks::Flat)});
    scaleType = new SegmentedControl({nameOf(ScaleType::F32), nameOf(ScaleType::F16), nameOf(ScaleType::BF16)});
    doubleQuant = new QuietCombo;
    for (const auto kind : {DoubleQuant::Off, DoubleQuant::Dynamic, DoubleQuant::Int8})
        doubleQuant->addItem(nameOf(kind), static_cast<int>(kind));
    method = new QuietCombo;
    for (const MethodTraits &row : allMethods())
        method->addItem(qs(row.name), qs(row.id));
    // As wide as the dock allows, whatever the longest row is called; the list itself shows whole rows.
    for (QComboBox *box : {static_cast<QComboBox *>(preset), static_cast<QComboBox *>(format),
                           static_cast<QComboBox *>(doubleQuant), static_cast<QComboBox *>(method)}) {
        box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        box->setMinimumContentsLength(8);
    }
    method->view()->setMinimumWidth(method->view()->sizeHintForColumn(0) + 12);

    addRow(RecipePanel::tr("Preset"), preset,
           RecipePanel::tr("A named recipe. Yours are saved with Recipe > Save Recipe."));
    addRow(RecipePanel::tr("Format"), format, {});
    const QString groupHelp =
        RecipePanel::tr("Weights that share one scale. Smaller: less error, more scales to store.");
    addRow(RecipePanel::tr("Group size"), groupRow, groupHelp);
    helps[groupSize] = groupHelp;
    helps[slider] = groupHelp;
    groupSize->setAccessibleName(RecipePanel::tr("Group size"));
    groupSize->setAccessibleDescription(groupHelp);
    slider->setAccessibleName(RecipePanel::tr("Group size, stops"));
    slider->setAccessibleDescription(groupHelp);
    groupSize->installEventFilter(this);
    groupSize->lineEdit()->installEventFilter(this);
    slider->installEventFilter(this);
    grid->addWidget(slider, grid->rowCount(), 1);
    addRow(RecipePanel::tr("Groups run"), blocks,
           RecipePanel::tr("Flat counts through row ends, as bitsandbytes does."));
    addRow(RecipePanel::tr("Scale type"), scaleType,
           RecipePanel::tr("How each group's scale is stored: 32 or 16 bits per group."));
    addRow(RecipePanel::tr("Double quant."), doubleQuant,
           RecipePanel::tr("Scales as 8-bit codes in blocks of 256 with an offset: 8 bits a scale in place of 16 or "
                           "32."));
    addRow(RecipePanel::tr("Method"), method, {});
    methodRows = new MethodRows(labelWidth);
    grid->addWidget(methodRows, grid->rowCount(), 0, 1, 2);
    for (QWidget *field : methodRows->fields()) {
        helps[field] = methodRows->helpOf(field);
        field->installEventFilter(this);
    }
    for (SegmentedControl *control : {blocks, scaleType}) {
        for (int i = 0; i < control->count(); ++i) {
            control->button(i)->setAccessibleDescription(helps[control]);
            control->button(i)->installEventFilter(this);
        }
    }

    auto *area = new QScrollArea;
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    area->setFocusPolicy(Qt::NoFocus);
    form->setAutoFillBackground(false);
    auto *sheet = new QWidget;
    auto *sheetLayout = new QVBoxLayout(sheet);
    sheetLayout->setContentsMargins(0, 0, 0, 0);
    sheetLayout->addWidget(form);
    sheetLayout->addStretch(1);
    area->setWidget(sheet);
    area->viewport()->setAutoFillBackground(false);
    sheet->setAutoFillBackground(false);
    column->addWidget(area, 1);
    column->addWidget(new DividerLine(Qt::Horizontal));
    bits = new BitsBlock;
    column->addWidget(bits);
    typing = new QTimer(this);
    typing->setSingleShot(true);
    typing->setInterval(typingMilliseconds);
}

void RecipePanel::Private::addRow(const QString &text, QWidget *field, const QString &help) {
    const int row = grid->rowCount();
    auto *label = new QLabel(text);
    label->setBuddy(field == groupRow ? groupSize : field);
    grid->addWidget(label, row, 0);
    grid->addWidget(field, row, 1);
    grid->setRowMinimumHeight(row, rowHeight);
    field->setAccessibleName(text);
    field->setAccessibleDescription(help);
    field->installEventFilter(this);
    helps[field] = help;
}

void RecipePanel::Private::connectFields() {
    connect(preset, &QComboBox::activated, this, [this](int row) {
        const QVariant value = preset->itemData(row);
        if (!value.isValid())
            return;
        const auto index = static_cast<std::size_t>(value.toInt());
        const Preset &chosen = index < presets().size() ? presets()[index] : userPresets[index - presets().size()];
        lastPreset = QString::fromStdString(chosen.name);
        choice = {chosen.recipe.groupSize, false};
        if (traits(chosen.recipe.format).fixedGroupSize != 0 || chosen.recipe.format == Format::Int8)
            choice.size = GroupSize::of(64);
        apply(chosen.recipe, lastPreset);
    });
    connect(format, &FormatCombo::formatChosen, this, [this](Format chosen) {
        const Recipe next = withFormat(recipe, chosen, choice);
        rowsByInt8 =
            chosen == Format::Int8 && next.groupSize == GroupSize::row() && !(recipe.groupSize == GroupSize::row());
        apply(next);
    });
    connect(groupSize, &QComboBox::activated, this,
            [this](int row) { chooseGroupSize(stops()[static_cast<std::size_t>(row)]); });
    connect(groupSize->lineEdit(), &QLineEdit::textEdited, this, [this](const QString &text) { typed(text); });
    connect(groupSize->lineEdit(), &QLineEdit::returnPressed, this, [this] { submitTyped(); });
    connect(typing, &QTimer::timeout, this, [this] { submitTyped(); });
    connect(slider, &StopSlider::stopChosen, this,
            [this](int stop) { chooseGroupSize(stops()[static_cast<std::size_t>(stop)]); });
    connect(blocks, &SegmentedControl::chosen, this, [this](int chosen) {
        Recipe next = recipe;
        next.blocks = static_cast<Blocks>(chosen);
        apply(next);
    });
    connect(scaleType, &SegmentedControl::chosen, this, [this](int chosen) {
        Recipe next = recipe;
        next.scaleType = static_cast<ScaleType>(chosen);
        apply(next);
    });
    connect(doubleQuant, &QComboBox::activated, this, [this](int row) {
        Recipe next = recipe;
        next.doubleQuant = static_cast<DoubleQuant>(doubleQuant->itemData(row).toInt());
        apply(next);
    });
    connect(method, &QComboBox::activated, this, [this](int row) {
        Recipe next = recipe;
        next.method = method->itemData(row).toString().toStdString();
        apply(withOwnParameters(next));
        QTimer::singleShot(0, this, [this] { // its parameters may lie below the edge
            for (QWidget *at = methodRows->parentWidget(); at != nullptr && methodRows->isVisible();
                 at = at->parentWidget())
                if (auto *area = qobject_cast<QScrollArea *>(at))
                    area->ensureWidgetVisible(methodRows);
        });
    });
    connect(methodRows, &MethodRows::edited, this, [this](const Recipe &next) { apply(next); });
    connect(methodRows, &MethodRows::calibrateRequested, &q, &RecipePanel::calibrateRequested);
    connect(methodRows, &MethodRows::importRequested, &q, &RecipePanel::importCalibrationRequested);
    connect(methodRows, &MethodRows::chooseRequested, &q, &RecipePanel::chooseCalibrationRequested);
    connect(methodRows, &MethodRows::forgetRequested, &q, &RecipePanel::forgetCalibrationRequested);
    connect(bits, &BitsBlock::whichTensorsRequested, &q, &RecipePanel::whichTensorsRequested);
}

// The one way by which the user's edits leave the panel. What cannot be carried out is shown and not handed on.
void RecipePanel::Private::apply(const Recipe &next, const QString &presetName) {
    typing->stop();
    typedProblem.clear();
    if (next == recipe) {
        refresh();
        return;
    }
    RecipeEdit edit = describeEdit(recipe, next);
    if (!presetName.isEmpty()) {
        edit.field = QStringLiteral("preset");
        edit.action = RecipePanel::tr("Preset %1").arg(presetName);
    }
    recipe = next;
    refresh();
    if (!problemOf(recipe))
        Q_EMIT q.recipeEdited(recipe, edit.field, edit.action);
}

void RecipePanel::Private::chooseGroupSize(GroupSize size) {
    if (const auto reason = problemWith(recipe, size)) {
        typing->stop();
        typedProblem = *reason;
        groupSize->setEditText(qs(toString(size)));
        refreshProblems();
        showHelp();
        return;
    }
    choice = {size, true};
    rowsByInt8 = false;
    Recipe next = recipe;
    next.groupSize = size;
    apply(next);
}

// Each key stroke moves the readout; the recipe follows when the typing pauses.
void RecipePanel::Private::typed(const QString &text) {
    const auto size = groupSizeFromString(text.trimmed().remove(QLatin1Char(',')).toLower().toStdString());
    previewed = recipe;
    if (!size) {
        typing->stop();
        typedProblem = RecipePanel::tr("2 to 1,048,576, row or tensor");
    } else if (const auto reason = problemWith(recipe, *size)) {
        typing->stop();
        typedProblem = *reason;
    } else {
        typedProblem.clear();
        previewed.groupSize = *size;
        typing->start();
    }
    refreshProblems();
    refreshBits();
    showHelp();
}

void RecipePanel::Private::submitTyped() {
    typing->stop();
    if (typedProblem.isEmpty() && !(previewed.groupSize == recipe.groupSize))
        chooseGroupSize(previewed.groupSize);
}

void RecipePanel::Private::refresh() {
    typedProblem.clear();
    previewed = recipe;
    refreshPreset();
    format->setFormat(recipe.format);
    refreshGroupSize();
    blocks->setCurrent(static_cast<int>(recipe.blocks));
    scaleType->setCurrent(static_cast<int>(recipe.scaleType));
    doubleQuant->setCurrentIndex(static_cast<int>(recipe.doubleQuant));
    method->setCurrentIndex(method->findData(qs(recipe.method)));
    methodRows->setRecipe(recipe);
    const MethodTraits *known = findMethod(recipe.method);
    helps[format] = qs(traits(recipe.format).help);
    helps[method] = known ? qs(known->help) : QString();
    format->setAccessibleDescription(helps[format]);
    method->setAccessibleDescription(helps[method]);
    refreshProblems();
    refreshBits();
    showHelp();
    const auto found = problemOf(recipe);
    const QString sentence = found ? qs(found->reason) : QString();
    if (sentence != problem) {
        problem = sentence;
        Q_EMIT q.problemChanged(problem);
    }
}

void RecipePanel::Private::refreshPreset() {
    preset->clear();
    QString shown;
    const auto add = [&](const Preset &row, int index) {
        preset->addItem(QString::fromStdString(row.name), index);
        preset->setItemData(preset->count() - 1, QString::fromStdString(row.help), Qt::ToolTipRole);
        if (row.recipe == recipe && (shown.isEmpty() || QString::fromStdString(row.name) == lastPreset)) {
            shown = QString::fromStdString(row.name);
            preset->setCurrentIndex(preset->count() - 1);
        }
    };
    int index = 0;
    for (const Preset &row : presets())
        add(row, index++);
    if (!userPresets.empty())
        preset->insertSeparator(preset->count());
    for (const Preset &row : userPresets)
        add(row, index++);
    if (shown.isEmpty())
        preset->setCurrentIndex(-1);
    else
        lastPreset = shown;
    preset->setShownText(stored            ? RecipePanel::tr("stored in the file")
                         : shown.isEmpty() ? RecipePanel::tr("%1, changed").arg(lastPreset)
                                           : shown);
}

void RecipePanel::Private::refreshGroupSize() {
    const double position = positionOf(recipe.groupSize);
    const bool onStop = position == std::floor(position);
    if (onStop)
        slider->setStop(static_cast<int>(position));
    else
        slider->setBetween(position);
    groupSize->setCurrentIndex(onStop ? static_cast<int>(position) : -1);
    if (groupSize->currentText() != qs(toString(recipe.groupSize)))
        groupSize->setEditText(qs(toString(recipe.groupSize)));
    unit->setText(recipe.groupSize.kind == GroupSize::Kind::Count ? RecipePanel::tr("weights") : QString());
}

void RecipePanel::Private::fix(QWidget *field, const std::optional<QString> &reason) {
    const QString text = stored ? RecipePanel::tr("stored in the file") : reason.value_or(QString());
    field->setEnabled(text.isEmpty());
    field->setToolTip(text);
    reasons[field] = text;
}

void RecipePanel::Private::refreshProblems() {
    fix(preset, std::nullopt);
    fix(format, std::nullopt);
    for (const FormatTraits &row : allFormats()) {
        const auto reason = problemWithFormat(withFormat(recipe, row.format, choice), row.format);
        format->setProblem(row.format, reason && row.format != recipe.format ? qs(*reason) : QString());
    }
    const auto sizeFixed = groupSizeFixed(recipe);
    for (QWidget *field :
         {static_cast<QWidget *>(groupRow), static_cast<QWidget *>(groupSize), static_cast<QWidget *>(slider)})
        fix(field, sizeFixed);
    for (int i = 0; i < groupSize->count(); ++i)
        setItemProblem(*groupSize, i, problemWith(recipe, stops()[static_cast<std::size_t>(i)]), {});
    fix(blocks, blocksFixed(recipe));
    fix(scaleType, scaleTypeFixed(recipe));
    for (const auto value : {Blocks::Row, Blocks::Flat}) {
        const auto reason = value == recipe.blocks ? std::nullopt : problemWith(recipe, value);
        blocks->setProblem(static_cast<int>(value), reason.value_or(QString()));
        reasons[blocks->button(static_cast<int>(value))] = reason.value_or(reasons[blocks]);
    }
    fix(doubleQuant, doubleQuantFixed(recipe));
    for (int i = 0; i < doubleQuant->count(); ++i) {
        const auto kind = static_cast<DoubleQuant>(doubleQuant->itemData(i).toInt());
        setItemProblem(*doubleQuant, i, kind == recipe.doubleQuant ? std::nullopt : problemWith(recipe, kind),
                       helps[doubleQuant]);
    }
    fix(method, methodFixed(recipe));
    methodRows->setEnabled(!stored);
    for (int i = 0; i < method->count(); ++i) {
        const std::string id = method->itemData(i).toString().toStdString();
        Recipe other = recipe;
        other.method = id;
        std::optional<QString> reason;
        if (const auto found = findMethod(id)->problem(recipe))
            reason = qs(*found);
        else if (const QString lacking = methodRows->reasonNot(other); !lacking.isEmpty())
            reason = lacking;
        setItemProblem(*method, i, id == recipe.method ? std::nullopt : reason, qs(findMethod(id)->help));
    }
    const bool wrong = !typedProblem.isEmpty();
    if (groupSize->property("invalid").toBool() != wrong) {
        groupSize->setProperty("invalid", wrong);
        groupSize->style()->unpolish(groupSize);
        groupSize->style()->polish(groupSize);
    }
}

void RecipePanel::Private::refreshBits() {
    if (!model)
        return;
    const auto sum = [this](const Recipe &which) {
        StoredBits all;
        for (const MatrixShape shape : model->quantized)
            all += storedBits(shape, which);
        return all;
    };
    BitsBlock::Content content;
    content.format = previewed.format;
    content.bits = sum(previewed);
    for (const MatrixShape shape : model->quantized)
        content.weights += shape.size();
    content.quantized = model->quantized.size();
    content.tensors = model->tensors;
    content.stored = stored;
    if (baseline && content.weights != 0) {
        content.baseline = qs(shortForm(*baseline));
        content.baselineBpw = static_cast<double>(sum(*baseline).total()) / static_cast<double>(content.weights);
    }
    if (!tensorName.isEmpty() && tensor && tensor->size() != 0 && previewed.format != Format::None) {
        const double bpw =
            static_cast<double>(storedBits(*tensor, previewed).total()) / static_cast<double>(tensor->size());
        content.tensor = tensorName;
        content.tensorBits = QString::fromStdString(bpwText(bpw));
        const std::uint64_t rest = previewed.groupSize.kind == GroupSize::Kind::Count && previewed.blocks == Blocks::Row
                                       ? tensor->cols % previewed.groupSize.count
                                       : 0;
        if (rest != 0 && previewed.groupSize.count < tensor->cols)
            content.tensorBits += RecipePanel::tr(", short last groups of %1").arg(rest);
    }
    bits->setContent(content);
}

QString RecipePanel::Private::helpOf(const QWidget *field) const {
    if (const auto reason = reasons.find(field); reason != reasons.end() && !reason->second.isEmpty())
        return reason->second;
    const bool size = field == groupSize || field == slider || field == groupRow;
    if (size && rowsByInt8)
        return RecipePanel::tr("INT8 starts with whole rows; choose a size and it stays.");
    if (size && tensor) {
        if (const QString note = groupSizeNote(previewed, tensor->cols); !note.isEmpty())
            return tensorName + QStringLiteral(": ") + note + QLatin1Char('.');
    }
    for (const QWidget *at = field; at && at != &q; at = at->parentWidget()) {
        if (const auto help = helps.find(at); help != helps.end())
            return help->second;
    }
    return {};
}

// The field under the mouse, else the one in focus, else the format.
void RecipePanel::Private::showHelp() {
    if (!typedProblem.isEmpty())
        bits->setHelp(typedProblem, true);
    else if (!problem.isEmpty() && !hovered)
        bits->setHelp(problem, true);
    else if (rowsByInt8 && !hovered && (!focused || focused == format))
        bits->setHelp(RecipePanel::tr("INT8 starts with whole rows; choose a size and it stays."));
    else
        bits->setHelp(helpOf(hovered ? hovered : focused ? focused : format));
}

bool RecipePanel::Private::eventFilter(QObject *watched, QEvent *event) {
    const auto *field = qobject_cast<QWidget *>(watched);
    switch (event->type()) {
    case QEvent::Enter:
        hovered = field;
        showHelp();
        break;
    case QEvent::Leave:
        hovered = nullptr;
        showHelp();
        break;
    case QEvent::FocusIn:
        focused = field == groupSize->lineEdit() ? groupSize : field;
        showHelp();
        break;
    case QEvent::FocusOut:
        focused = nullptr;
        if (field == groupSize || field == groupSize->lineEdit()) {
            submitTyped();
            if (!typedProblem.isEmpty()) // what is in force, once nobody is correcting it
                refresh();
        }
        showHelp();
        break;
    default:
        break;
    }
    return QObject::eventFilter(watched, event);
}

} // namespace nibblescope
