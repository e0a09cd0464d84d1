// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/claim_evidence.h"

#include "core/analysis/memory_model.h"

namespace nibblescope {

AccuracyInput accuracyInput(const Session &session, const TextSource &text, Products products) {
    AccuracyInput input;
    input.products = products;
    for (const ProductsTraits &one : allProducts()) {
        const auto found = session.accuracy().results(text, session.setup().rule, one.products);
        auto &list = one.products == products ? input.results : input.others;
        list.insert(list.end(), found.begin(), found.end());
    }
    input.current = session.recipe();
    input.baseline = session.baseline();
    input.text = text.path.filename().string();
    for (const TensorResult &result : session.described())
        if (result.quantized) {
            input.referenceName = std::string(traits(result.info.dtype).name);
            break;
        }
    return input;
}

ClaimEvidence claimEvidence(const Session &session, const AccuracyInput &accuracy) {
    ClaimEvidence evidence;
    std::vector<TensorResult> statistics = session.described();
    for (std::size_t i = 0; i < statistics.size(); ++i) {
        evidence.params += statistics[i].info.params;
        if (const SharedResult known = session.statistics(static_cast<int>(i)))
            statistics[i].statistics = known->statistics;
    }
    evidence.shape = shapeEvidence(statistics);
    if (const auto sqnr = session.accuracy().sqnr(session.setup().rule))
        evidence.recipes = *sqnr;
    for (const SharedAccuracy &result : accuracy.results)
        addRecipe(evidence, recipeEvidence(*result));
    if (traits(session.recipe().format).codeBits == 4) {
        const ModelGeometry geometry = modelGeometry(session.model()->config);
        MemoryEvidence memory;
        memory.recipe = session.recipe();
        memory.memory = memoryOf(session.described(), geometry, {});
        memory.fp32WeightsBytes = memoryAsFloat(session.described(), 32, geometry, {}).weightsBytes();
        for (const TensorResult &result : session.described())
            memory.fp32QuantizedBytes += result.quantized ? result.info.params * sizeof(float) : 0;
        evidence.memory = memory;
    }
    if (session.speed())
        evidence.bench = *session.speed();
    evidence.activations = session.activationEvidence();
    if (!accuracy.results.empty()) {
        evidence.text = accuracy.text;
        evidence.predictions = accuracy.results.front()->evaluation.tokens;
        evidence.referencePerplexity = referencePerplexity(*accuracy.results.front());
    }
    return evidence;
}

} // namespace nibblescope
