#include "schema_shapes.hpp"

#include <algorithm>
#include <functional>

namespace gcd {

namespace {

using namespace progress_word;

void see(Progress& p, u32 name) {
    p[kNames + name / 32] |= 1u << (name % 32);
}

}  // namespace

Shapes::Shapes(Formulas& formulas, Derivatives& store, NumberLanguage& numbers, u32 max_size)
    : formulas_(formulas), store_(store), numbers_(numbers), max_size_(max_size) {
    formulas_.context = this;
    formulas_.may_hold = [](void* self, u32 f) { return static_cast<Shapes*>(self)->satisfiable(f); };
}

u32 Shapes::progress(Progress p) {
    const u32 id = progress_.intern(std::move(p));
    if (id >= max_size_) throw CoreError(ErrorKind::limit_states, progress_.size(), "the schema has too many states");
    return id;
}

// -- satisfiability ---------------------------------------------------------------------------

// A value is finite, so a formula that can only be met by a value that meets it again inside can't be met: while a
// formula is being asked about, it counts as unsatisfiable. A "no" that rests on that is not kept for formulas inside.
bool Shapes::satisfiable(u32 f) {
    if (f == Formulas::kFalse) return false;
    if (f == Formulas::kTrue) return true;
    if (f >= life_.size()) life_.resize(formulas_.size() + 16, kUnknown);
    if (life_[f] == kAlive) return true;
    if (life_[f] == kDead) return false;
    if (life_[f] == kBusy) {
        for (u32 i = 0; i < busy_.size(); ++i)
            if (busy_[i] == f) tainted_ = std::min(tainted_, i);
        return false;
    }
    if (busy_.size() > 3000)
        throw CoreError(ErrorKind::limit_states, busy_.size(),
                        "the schema is nested too deeply to be told satisfiable");
    const u32 level = static_cast<u32>(busy_.size());
    busy_.push_back(f);
    life_[f] = kBusy;
    const u32 outer = tainted_;
    tainted_ = NONE;
    bool yes = false;
    try {
        yes = satisfiable_now(f);
    } catch (...) {
        life_[f] = kUnknown;
        busy_.pop_back();
        tainted_ = outer;
        throw;
    }
    busy_.pop_back();
    if (f >= life_.size()) life_.resize(formulas_.size() + 16, kUnknown);
    if (yes) {
        life_[f] = kAlive;
        tainted_ = outer;
    } else {
        const bool guessed = tainted_ < level;  // by a formula further out
        life_[f] = guessed ? kUnknown : kDead;
        tainted_ = guessed ? std::min(outer, tainted_) : outer;
    }
    return yes;
}

bool Shapes::satisfiable_now(u32 f) {
    for (SchemaType t : {kNullType, kTrueType, kFalseType})
        if (formulas_.allows(f, t)) return true;
    const u32 x = formulas_.string_expression(f);
    if (x != Derivatives::kEmpty && store_.alive(store_.start(x))) return true;
    if (!formulas_.number_conditions(f).empty()) return true;
    // Shapes are made anew while an answer may be a guess: `objects` keeps only what is sure.
    std::vector<ArrayDraft> arrays;
    formulas_.arrays(f, arrays);
    for (const ArrayDraft& d : arrays)
        if (make_array(d) != NONE) return true;
    std::vector<ObjectDraft> objects;
    formulas_.objects(f, objects);
    for (const ObjectDraft& d : objects)
        if (make_object(d) != NONE) return true;
    return false;
}

const std::vector<u32>& Shapes::objects(u32 f) {
    const auto it = objects_of_.find(f);
    if (it != objects_of_.end()) return it->second;
    std::vector<ObjectDraft> drafts;
    formulas_.objects(f, drafts);
    std::vector<u32> out;
    for (const ObjectDraft& d : drafts) {
        const u32 id = make_object(d);
        if (id != NONE && std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
    }
    return objects_of_[f] = std::move(out);
}

const std::vector<u32>& Shapes::arrays(u32 f) {
    const auto it = arrays_of_.find(f);
    if (it != arrays_of_.end()) return it->second;
    std::vector<ArrayDraft> drafts;
    formulas_.arrays(f, drafts);
    std::vector<u32> out;
    for (const ArrayDraft& d : drafts) {
        const u32 id = make_array(d);
        if (id != NONE && std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
    }
    return arrays_of_[f] = std::move(out);
}

// -- objects ----------------------------------------------------------------------------------

u32 Shapes::intern_vector(std::vector<u32> states) {
    const u32 id = vectors_.intern(std::move(states));
    return id;
}

u32 Shapes::vector_step(u32 vector, u32 c) {
    const std::vector<u32>& now = vectors_[vector];
    if (now.size() == 1 && store_.step(now[0], c) == now[0]) return vector;
    const u64 key = static_cast<u64>(vector) << 32 | c;
    const u32 known = vector_steps_.find(key);
    if (known != NONE) return known;
    std::vector<u32> next = vectors_[vector];
    for (u32& s : next) s = store_.step(s, c);
    const u32 out = intern_vector(std::move(next));
    vector_steps_.insert(key, out);
    return out;
}

u64 Shapes::matched(u32 vector) const {
    u64 bits = 0;
    const std::vector<u32>& v = vectors_[vector];
    for (size_t i = 1; i < v.size(); ++i)
        if (store_.accepts(v[i])) bits |= 1ull << (i - 1);
    return bits;
}

const KeyClass& Shapes::key_class(ObjectShape& shape, u64 matched) {
    const auto it = shape.classes.find(matched);
    if (it != shape.classes.end()) return it->second;
    std::vector<u32> fs;
    for (const MemberRule& r : shape.rules) {
        bool any = false;
        for (const auto& [p, f] : r.patterns)
            if (matched >> p & 1) {
                fs.push_back(f);
                any = true;
            }
        if (!any) fs.push_back(r.others);
    }
    KeyClass k;
    k.formula = formulas_.both(fs);
    k.allowed = satisfiable(k.formula);
    for (u32 p : shape.must_match) k.allowed = k.allowed && (matched >> p & 1);
    return shape.classes[matched] = k;
}

// Classes of keys that exist at all: the patterns one after the other, with it or without it.
void Shapes::split_classes(ObjectShape& shape, u32 x, u64 matched, u32 at, std::vector<u32>& allowed, bool& all,
                           std::vector<CodePoints>& few) {
    if (x == Derivatives::kEmpty || !store_.alive(store_.start(x))) return;
    if (at == shape.patterns.size()) {
        if (shape.classes.size() > 256)
            throw CoreError(ErrorKind::limit_states, 256, "patterns of property names overlap in too many ways");
        if (!key_class(shape, matched).allowed) {
            all = false;
            return;
        }
        // Where some member must exist, keys can run out: a few are known by name.
        std::vector<CodePoints> words;
        if (!shape.existentials.empty() && store_.finite(store_.start(x), kFinite, words)) {
            shape.classes[matched].listed = true;
            few.insert(few.end(), words.begin(), words.end());
            return;
        }
        allowed.push_back(formulas_.guarded(x));
        all = all && allowed.back() == x;
        return;
    }
    const u32 p = shape.patterns[at];
    split_classes(shape, store_.both({x, p}), matched | 1ull << at, at + 1, allowed, all, few);
    split_classes(shape, store_.both({x, store_.negate(p)}), matched, at + 1, allowed, all, few);
}

u32 Shapes::make_object(const ObjectDraft& draft) {
    const SchemaProgram& program = formulas_.program();
    auto shape = std::make_unique<ObjectShape>();
    ObjectShape& s = *shape;
    s.min = draft.min;
    s.max = draft.max;
    auto pattern = [&](u32 x) {
        for (u32 i = 0; i < s.patterns.size(); ++i)
            if (s.patterns[i] == x) return i;
        if (s.patterns.size() >= 63)
            throw CoreError(ErrorKind::limit_states, 63, "too many patterns of property names apply to one object");
        s.patterns.push_back(x);
        return static_cast<u32>(s.patterns.size() - 1);
    };
    std::map<CodePoints, u32> by_text;  // rank
    auto known = [&](u32 string) { by_text.emplace(program.strings[string], static_cast<u32>(by_text.size())); };
    for (const MemberRule& r : draft.rules) {
        for (const auto& [name, f] : r.names) known(name);
        MemberRule own = r;
        for (auto& [x, f] : own.patterns) x = pattern(x);
        s.rules.push_back(std::move(own));
    }
    for (u32 x : draft.key_expressions) {
        // "Every key is one of these": known names again, so that they can be counted.
        s.must_match.push_back(pattern(x));
    }
    for (const MemberExistential& e : draft.existentials)
        s.existentials.push_back({pattern(e.expression), e.formula, true});
    if (s.existentials.size() > 31)
        throw CoreError(ErrorKind::limit_states, s.existentials.size(),
                        "too many members that must exist in an object");
    for (u32 r : draft.required) known(r);
    for (u32 r : draft.forbidden) known(r);
    for (const auto& [a, bs] : draft.implications) {
        known(a);
        for (u32 b : bs) known(b);
    }
    // Unknown keys: by the classes of patterns that they match.
    std::vector<u32> allowed;
    std::vector<CodePoints> few;
    bool all = true;
    split_classes(s, Derivatives::kAny, 0, 0, allowed, all, few);
    s.unknown = all ? Derivatives::kAny : store_.alt(allowed);
    if (s.unknown != Derivatives::kAny && s.unknown != Derivatives::kEmpty) {
        std::vector<CodePoints> words;
        if (store_.finite(store_.start(s.unknown), kFinite, words)) {
            few.insert(few.end(), words.begin(), words.end());
            s.unknown = Derivatives::kEmpty;
            for (auto& [bits, k] : s.classes) k.listed = true;
        }
    }
    for (const CodePoints& w : few) by_text.emplace(w, NONE);
    // A guard leaves room for all that is named and all that must exist.
    if (s.max == NONE && s.unknown != Derivatives::kEmpty && program.guards.members != NONE)
        s.max = program.guards.members + s.min + static_cast<u32>(by_text.size() + s.existentials.size());
    for (const auto& [text, rank] : by_text) {
        ObjectShape::Name n;
        n.text = text;
        n.rank = rank;
        u64 matched = 0;
        for (u32 p = 0; p < s.patterns.size(); ++p)
            if (store_.matches(s.patterns[p], text)) matched |= 1ull << p;
        std::vector<u32> fs;
        for (const MemberRule& r : s.rules) {
            bool any = false;
            for (const auto& [name, f] : r.names)
                if (program.strings[name] == text) {
                    fs.push_back(f);
                    any = true;
                }
            for (const auto& [p, f] : r.patterns)
                if (matched >> p & 1) {
                    fs.push_back(f);
                    any = true;
                }
            if (!any) fs.push_back(r.others);
        }
        n.formula = formulas_.both(fs);
        for (const ObjectShape::Existential& e : s.existentials) n.meets.push_back(matched >> e.pattern & 1);
        n.allowed = true;
        for (u32 p : s.must_match) n.allowed = n.allowed && (matched >> p & 1);
        for (u32 f : draft.forbidden) n.allowed = n.allowed && program.strings[f] != text;
        for (u32 f : draft.required) n.required = n.required || program.strings[f] == text;
        if (n.allowed && n.required) n.allowed = satisfiable(n.formula);
        if (n.required && !n.allowed) return NONE;
        s.names.push_back(std::move(n));
    }
    auto index = [&](u32 string) {
        const CodePoints& text = program.strings[string];
        u32 i = 0;
        while (s.names[i].text != text) ++i;
        return i;
    };
    for (u32 i = 0; i < s.names.size(); ++i)
        if (s.names[i].required) s.required.push_back(i);
    for (const auto& [a, bs] : draft.implications) {
        std::vector<u32> list;
        for (u32 b : bs) list.push_back(index(b));
        s.implications.emplace_back(index(a), std::move(list));
    }
    for (ObjectShape::Existential& e : s.existentials) {
        e.unknown_possible = false;
        for (const auto& [bits, k] : s.classes)
            if (bits >> e.pattern & 1 && k.allowed && !k.listed)
                e.unknown_possible = e.unknown_possible || satisfiable(formulas_.both(k.formula, e.formula));
    }
    find_followers(s);
    s.counts = s.min > 0 || s.max != NONE;
    std::vector<u32> states{store_.start(s.unknown)};
    for (u32 p : s.patterns) states.push_back(store_.start(p));
    s.key_start = intern_vector(std::move(states));
    // Equal shapes are one.
    std::vector<u32> key{s.min, s.max, s.unknown, s.key_start, static_cast<u32>(s.names.size())};
    for (const ObjectShape::Name& n : s.names) {
        key.push_back(n.formula);
        key.push_back((n.required ? 1 : 0) + (n.allowed ? 2 : 0));
        key.push_back(static_cast<u32>(n.text.size()));
        for (char32_t c : n.text) key.push_back(c);
        if (program.options.fixed_order) key.push_back(n.rank);
    }
    for (const ObjectShape::Existential& e : s.existentials) {
        key.push_back(e.pattern);
        key.push_back(e.formula);
    }
    key.push_back(NONE);
    for (const auto& [a, bs] : s.implications) {
        key.push_back(a);
        key.insert(key.end(), bs.begin(), bs.end());
        key.push_back(NONE);
    }
    for (const auto& [bits, k] : s.classes) {
        key.push_back(static_cast<u32>(bits));
        key.push_back(static_cast<u32>(bits >> 32));
        key.push_back(k.formula);
    }
    u32 id;
    const auto it = object_index_.find(key);
    if (it != object_index_.end()) {
        id = it->second;
    } else {
        if (objects_.size() >= max_size_)
            throw CoreError(ErrorKind::limit_states, objects_.size(), "the schema has too many kinds of objects");
        note_doubts(s);
        id = static_cast<u32>(objects_.size());
        objects_.push_back(std::move(shape));
        object_index_.emplace(std::move(key), id);
    }
    return object_viable(id, progress_[object_start(id)]) ? id : NONE;
}

u32 Shapes::object_start(u32 shape) {
    const ObjectShape& s = *objects_[shape];
    Progress p(kNames + (s.names.size() + 31) / 32, 0);
    p[kOpen] = (1u << s.existentials.size()) - 1;
    return progress(std::move(p));
}

bool Shapes::object_complete(u32 id, u32 progress) {
    const ObjectShape& s = *objects_[id];
    const Progress& p = progress_[progress];
    if (p[kOpen] || p[kMembers] < s.min || p[kMembers] > s.max) return false;
    for (u32 n : s.required)
        if (!name_seen(p, n)) return false;
    for (const auto& [a, bs] : s.implications)
        if (name_seen(p, a))
            for (u32 b : bs)
                if (!name_seen(p, b)) return false;
    return true;
}

const KeyOptions& Shapes::key_options(u32 id, u32 progress) {
    const u64 key = static_cast<u64>(id) << 32 | progress;
    const auto it = options_.find(key);
    if (it != options_.end()) return it->second;
    ObjectShape& s = *objects_[id];
    const Progress p = progress_[progress];
    KeyOptions out;
    std::vector<Entry> entries;
    const u32 past = ranks_past(s, p);
    if (s.max == NONE || p[kMembers] < s.max) {
        for (u32 n = 0; n < s.names.size(); ++n) {
            if (name_seen(p, n) || !s.names[n].allowed || s.names[n].rank < past) continue;
            entries.clear();
            after_name(id, progress, n, entries);
            if (!entries.empty()) out.names.push_back(n);
        }
        if (s.unknown != Derivatives::kEmpty) {
            for (const auto& [bits, k] : s.classes) {
                if (!k.allowed || k.listed) continue;
                entries.clear();
                after_key(id, progress, bits, entries);
                if (!entries.empty()) {
                    out.unknown = true;
                    break;
                }
            }
        }
    }
    return options_[key] = std::move(out);
}

// Each open existential that the member can meet: it does, or leaves it to another.
void Shapes::settle_existentials(u32 id, const Progress& p, u64 met, u32 formula, std::vector<Entry>& out) {
    const ObjectShape& s = *objects_[id];
    std::vector<std::pair<u32, u32>> ways{{p[kOpen], formula}};
    for (u32 e = 0; e < s.existentials.size(); ++e) {
        if (!(met >> e & 1) || !(p[kOpen] >> e & 1)) continue;
        const size_t n = ways.size();
        for (size_t w = 0; w < n; ++w) {
            const u32 f = formulas_.both(ways[w].second, s.existentials[e].formula);
            if (f == ways[w].second) {  // it does in any case
                ways[w].first &= ~(1u << e);
                continue;
            }
            ways.emplace_back(ways[w].first & ~(1u << e), f);
        }
    }
    for (const auto& [open, f] : ways) {
        if (f == Formulas::kFalse || !satisfiable(f)) continue;
        Progress next = p;
        next[kOpen] = open;
        if (!object_viable(id, next)) continue;
        out.push_back({progress(std::move(next)), f});
    }
}

void Shapes::after_name(u32 id, u32 progress, u32 n, std::vector<Entry>& out) {
    const ObjectShape& s = *objects_[id];
    Progress p = progress_[progress];
    if (name_seen(p, n) || !s.names[n].allowed) return;
    see(p, n);
    if (s.counts) ++p[kMembers];
    if (s.max == NONE) p[kMembers] = std::min(p[kMembers], s.min);
    u64 met = 0;
    for (u32 e = 0; e < s.existentials.size(); ++e)
        if (s.names[n].meets[e]) met |= 1ull << e;
    settle_existentials(id, p, met, s.names[n].formula, out);
}

void Shapes::after_key(u32 id, u32 progress, u64 matched, std::vector<Entry>& out) {
    ObjectShape& s = *objects_[id];
    const KeyClass k = key_class(s, matched);
    if (!k.allowed) return;
    Progress p = progress_[progress];
    if (s.counts) ++p[kMembers];
    if (s.max == NONE) p[kMembers] = std::min(p[kMembers], s.min);
    u64 met = 0;
    for (u32 e = 0; e < s.existentials.size(); ++e)
        if (matched >> s.existentials[e].pattern & 1) met |= 1ull << e;
    settle_existentials(id, p, met, k.formula, out);
}

}  // namespace gcd
