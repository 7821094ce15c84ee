#include "schema_costs.hpp"

#include <algorithm>

namespace gcd {

using namespace progress_word;

namespace {
constexpr u32 kMaxDepth = 200;  // of values within values
constexpr u32 kCheap = 3;       // a value of so many tokens is as good as any
}  // namespace

u32 SchemaCosts::value(u32 f) {
    const auto known = values_.find(f);
    if (known != values_.end()) return known->second;
    if (depth_ > kMaxDepth) return kNever;
    values_[f] = kNever;
    u32 best = kNever;
    for (SchemaType t : {kNullType, kTrueType, kFalseType})
        if (formulas_.allows(f, t)) best = 1;
    if (best > 1)
        for (u32 c : formulas_.number_conditions(f)) {
            const Rest& rest = rests_.number_rest(lexemes_.numbers.start(c));
            if (rest.found) best = std::min(best, 1 + static_cast<u32>(rest.text.size()) / 3);
        }
    if (best > 1) {
        const u32 start = lexemes_.store.start(formulas_.written_expression(f));
        if (lexemes_.store.alive(start)) {
            const Rest& rest = rests_.string_rest({start}, StringDecoder());
            if (rest.found) best = std::min(best, 1 + static_cast<u32>(rest.text.size() + 3) / 4);
        }
    }
    if (best > kCheap) best = std::min({best, arrays(f), objects(f)});
    return values_[f] = best;
}

u32 SchemaCosts::objects(u32 f) {
    const auto known = objects_.find(f);
    if (known != objects_.end()) return known->second;
    if (depth_ > kMaxDepth) return kNever;
    objects_[f] = kNever;
    ++depth_;
    u32 best = kNever;
    const std::vector<u32> shapes = shapes_.objects(f);
    for (u32 shape : shapes) best = std::min(best, sum(1, object_rest(shape, shapes_.object_start(shape))));
    --depth_;
    return objects_[f] = best;
}

u32 SchemaCosts::arrays(u32 f) {
    const auto known = arrays_.find(f);
    if (known != arrays_.end()) return known->second;
    if (depth_ > kMaxDepth) return kNever;
    arrays_[f] = kNever;
    ++depth_;
    u32 best = kNever;
    const std::vector<u32> shapes = shapes_.arrays(f);
    for (u32 shape : shapes) best = std::min(best, sum(1, array_rest(shape, shapes_.array_start(shape))));
    --depth_;
    return arrays_[f] = best;
}

u32 SchemaCosts::object_rest(u32 id, u32 progress) {
    if (shapes_.object_complete(id, progress)) return 1;
    const ObjectShape& shape = shapes_.object(id);
    const Progress p = shapes_.progress(progress);
    u32 cost = 1, missing = 0;
    for (u32 n : shape.required) {
        if (name_seen(p, n)) continue;
        ++missing;
        cost = sum(cost, member(shape.names[n]));
    }
    if (shape.min != NONE && p[kMembers] + missing < shape.min)
        cost = sum(cost, (shape.min - p[kMembers] - missing) * 5);
    for (size_t e = 0; e < shape.existentials.size(); ++e)
        if (p[kOpen] >> e & 1) cost = sum(cost, sum(3, value(shape.existentials[e].formula)));
    return cost;
}

u32 SchemaCosts::array_rest(u32 id, u32 progress) {
    if (shapes_.array_complete(id, progress)) return 1;
    const ArrayShape& shape = shapes_.array(id);
    const Progress p = shapes_.progress(progress);
    u32 cost = 2;
    u64 index = p[kIndex];
    for (; index < shape.min && index < shape.n_first; ++index) cost = sum(cost, sum(1, value(shape.formulas[index])));
    if (index < shape.min) {
        const u64 each = 1 + value(shape.formulas[shape.n_first]);
        cost = sum(cost, static_cast<u32>(std::min<u64>(each * (shape.min - index), kNever)));
    }
    for (size_t i = 0; i < shape.counts.size(); ++i) {
        const u32 counted = i + 1 < p.size() ? p[i + 1] : 0;
        if (counted >= shape.counts[i].min) continue;
        const u64 each = 1 + value(shape.counts[i].positive);
        cost = sum(cost, static_cast<u32>(std::min<u64>(each * (shape.counts[i].min - counted), kNever)));
    }
    return cost;
}

// Frames stand in frames of less depth: without recursion.
u32 SchemaCosts::frame(u32 id) {
    std::vector<u32> stack{id};
    while (!stack.empty()) {
        const u32 f = stack.back();
        if (frames_.count(f)) {
            stack.pop_back();
            continue;
        }
        const SchemaAutomaton::Frame& frame = automaton_.frame(f);
        if (frame.kind == 0) {
            frames_[f] = 0;
            continue;
        }
        u32 outside = kNever;
        bool ready = true;
        for (u32 parent : automaton_.frames_of(frame.parents)) {
            const auto known = frames_.find(parent);
            if (known == frames_.end()) {
                stack.push_back(parent);
                ready = false;
            } else {
                outside = std::min(outside, known->second);
            }
        }
        if (!ready) continue;
        const u32 shape = frame.shape, progress = frame.progress;
        const u32 own = frame.kind == 1 ? object_rest(shape, progress) : array_rest(shape, progress);
        frames_[f] = sum(own, outside);
    }
    return frames_[id];
}

}  // namespace gcd
