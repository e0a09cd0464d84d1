// SPDX-License-Identifier: GPL-3.0-or-later
// Random damage: whatever bytes change, a file opens or is an Error, and never for longer than ten seconds.
#include <QtTest>

#include <chrono>
#include <cstring>
#include <random>

#include "core/base/error.h"
#include "core/base/worker_pool.h"
#include "core/io/export.h"
#include "core/io/hdf5/quantized_file.h"
#include "core/io/open.h"
#include "core/quant/quantize.h"
#include "tests/support/hdf5_maker.h"
#include "tests/support/safetensors_maker.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

namespace {

constexpr int mutations = 2000; // of each sample, in parts, for a test function may take five minutes at most
constexpr int parts = 8;
constexpr std::uint64_t mostElements = 1U << 20;

class Mutator {
public:
    explicit Mutator(unsigned seed) : m_random(seed) {}

    // One to four changes, most of them in the first part, where headers are.
    std::string mutated(const std::string &whole) {
        std::string bytes = whole;
        const std::size_t changes = 1 + below(4);
        for (std::size_t i = 0; i < changes && !bytes.empty(); ++i)
            change(bytes);
        return bytes;
    }

private:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(m_random() % limit); }
    std::size_t place(const std::string &bytes) {
        return below(2) == 0 ? below(bytes.size()) : below(std::min<std::size_t>(bytes.size(), 2048));
    }

    void change(std::string &bytes) {
        const std::size_t at = place(bytes);
        switch (below(8)) {
        case 0:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
            break;
        case 1:
            bytes[at] = static_cast<char>(below(256));
            break;
        case 2:
            bytes[at] = below(2) == 0 ? '\0' : '\xff';
            break;
        case 3:
            if (at + 8 <= bytes.size()) {
                const std::uint64_t number = std::uint64_t{1} << below(64);
                std::memcpy(bytes.data() + at, &number, sizeof number);
            }
            break;
        case 4:
            bytes.resize(at);
            break;
        case 5:
            bytes.insert(at, bytes.substr(place(bytes), below(64)));
            break;
        case 6:
            bytes.erase(at, below(64));
            break;
        default:
            bytes[at] = "0123456789[]{}\",:-"[below(18)];
            break;
        }
    }

    std::mt19937_64 m_random;
};

} // namespace

class MutationSlowTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder.path().toStdString()) / name; }

    static void openAndRead(const fs::path &path) {
        const Model model = openModel(path);
        for (std::size_t i = 0; i < model.tensors.size(); ++i) {
            const TensorInfo &info = model.tensors[i];
            const std::uint64_t count = std::min(info.params, mostElements);
            std::string bytes((count * traits(info.dtype).bits + 7) / 8, '\0');
            try {
                model.reader->readElements(i, 0, count, std::as_writable_bytes(std::span(bytes)));
                if (isQuantizedFile(model) && !model.storedRecipes[i].is_null() && info.params <= mostElements)
                    dequantize(readQuantized(model, i));
            } catch (const Error &) {
                // That tensor is damaged; the others are read all the same.
            }
        }
    }

    static void addRows(const std::string &name, const std::string &bytes, const std::string &ending) {
        for (int part = 0; part < parts; ++part)
            QTest::newRow((name + ", part " + std::to_string(part + 1)).c_str()) << bytes << ending << part;
    }

    QTemporaryDir m_folder;

private slots:
    void damage_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<std::string>("ending");
        QTest::addColumn<int>("part");
        const std::string weights =
            madeSafetensors({{"model.embed_tokens.weight", "F32", {8, 16}, std::string(512, 'e')},
                             {"layers.0.up_proj.weight", "BF16", {16, 16}, std::string(512, 'u')},
                             {"layers.0.down_proj.weight", "F16", {16, 16}, std::string(512, 'd')},
                             {"position_ids", "I64", {4}, std::string(32, 'p')}});
        addRows("safetensors", weights, ".safetensors");
        writeKerasModel(at("keras.h5"));
        addRows("Keras model", readFile(at("keras.h5")), ".h5");
        writeKeras3Weights(at("keras3.h5"));
        addRows("Keras 3 weights", readFile(at("keras3.h5")), ".h5");
        writeFile(at("s.safetensors"), madeSafetensors({{"up.weight", "F32", {16, 64}, f32Bytes(normalValues(1024, 1))},
                                                        {"up.bias", "BF16", {16}, std::string(32, 'b')}}));
        WorkerPool pool(1);
        const Model model = openModel(at("s.safetensors"));
        exportQuantized(model, {0, 1}, {defaultRecipe(Format::Int4Asym), {}}, at("own.h5"),
                        {pool, scalarKernels(), Priority::Batch, {}, {}});
        addRows("our own file", readFile(at("own.h5")), ".h5");
    }

    void damage() {
        QFETCH(std::string, bytes);
        QFETCH(std::string, ending);
        QFETCH(int, part);
        Mutator mutator(20261125U + static_cast<unsigned>(part));
        int opened = 0;
        int crashes = 0;
        int hangs = 0;
        for (int i = 0; i < mutations / parts; ++i) {
            // Each under a name of its own: some file systems write a file that is replaced to the disk at once.
            const fs::path path = at("x" + std::to_string(i) + ending);
            writeFile(path, mutator.mutated(bytes));
            const auto begin = std::chrono::steady_clock::now();
            try {
                openAndRead(path);
                ++opened;
            } catch (const Error &error) {
                const std::string what = error.what();
                QVERIFY2(!what.empty() && what.find('\n') == std::string::npos, what.c_str());
                crashes += what.find("crashed") != std::string::npos ? 1 : 0;
                hangs += what.find("took too long") != std::string::npos ? 1 : 0;
            }
            const auto took = std::chrono::steady_clock::now() - begin;
            if (took > std::chrono::seconds(10)) {
                fs::copy_file(path, fs::temp_directory_path() / ("slow" + ending),
                              fs::copy_options::overwrite_existing);
                QFAIL("a damaged file took longer than 10 s");
            }
            fs::remove(path);
        }
        qInfo("%d of %d damaged files opened; the library crashed on %d and hung on %d", opened, mutations / parts,
              crashes, hangs);
        QVERIFY(opened > 0 && opened < mutations / parts);
    }
};

QTEST_GUILESS_MAIN(MutationSlowTest)
#include "mutation_slow_test.moc"
