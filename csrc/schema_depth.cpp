// A guard on nesting: beyond some depth, only what a schema demands holds a container.
//
// There a value that may be a scalar is one, and objects and arrays take the place of others that leave out what isn't
// needed and would have to be a container: optional members, items beyond the least number.
#include <algorithm>

#include "schema_shapes.hpp"

namespace gcd {

bool Shapes::scalar(u32 f) {
    for (SchemaType t : {kNullType, kTrueType, kFalseType})
        if (formulas_.allows(f, t)) return true;
    const u32 x = formulas_.string_expression(f);
    return (x != Derivatives::kEmpty && store_.alive(store_.start(x))) || !formulas_.number_conditions(f).empty();
}

u32 Shapes::shallow_object(u32 id) {
    const auto known = shallow_objects_.find(id);
    if (known != shallow_objects_.end()) return known->second;
    auto shape = std::make_unique<ObjectShape>(*objects_[id]);
    ObjectShape& s = *shape;
    for (ObjectShape::Name& n : s.names)
        if (!n.required && n.allowed && !scalar(n.formula)) n.allowed = false;
    const bool some = std::any_of(s.classes.begin(), s.classes.end(), [&](const auto& each) {
        return each.second.allowed && !each.second.listed && scalar(each.second.formula);
    });
    if (!some) {
        s.unknown = Derivatives::kEmpty;
        for (ObjectShape::Existential& e : s.existentials) e.unknown_possible = false;
        for (auto& [bits, k] : s.classes) k.allowed = false;
        std::vector<u32> states = vectors_[s.key_start];
        states[0] = store_.start(s.unknown);
        s.key_start = intern_vector(std::move(states));
    }
    const u32 shallow = static_cast<u32>(objects_.size());
    objects_.push_back(std::move(shape));
    return shallow_objects_[id] = object_viable(shallow, progress_[object_start(shallow)]) ? shallow : id;
}

u32 Shapes::shallow_array(u32 id) {
    const auto known = shallow_arrays_.find(id);
    if (known != shallow_arrays_.end()) return known->second;
    auto shape = std::make_unique<ArrayShape>(*arrays_[id]);
    ArrayShape& s = *shape;
    s.least.clear();
    if (s.counts.empty() && !s.repeated) {
        u32 most = s.min;
        while (most < s.max && most <= s.n_first && scalar(s.formulas[most])) ++most;
        if (most <= s.n_first) s.max = most;
    }
    const u32 shallow = static_cast<u32>(arrays_.size());
    arrays_.push_back(std::move(shape));
    return shallow_arrays_[id] = array_viable(shallow, progress_[array_start(shallow)]) ? shallow : id;
}

}  // namespace gcd
