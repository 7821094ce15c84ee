// Where values begin and end, and what arrays of unique items remember of them.
#include <algorithm>

#include "schema_automaton.hpp"

namespace gcd {

namespace {
const std::vector<std::string> kTwice{"twice"};  // in place of an array's values, once two of them are equal
}  // namespace

void SchemaAutomaton::begin_value(const State& s, u8 byte, u32 raw, State& out) {
    auto frames = [&](u8 kind, const std::vector<u32>& shapes, const Item& item) {
        const bool deep = frames_[sets_[item.b][0]].depth >= program_.guards.depth;
        if (deep && shapes_.scalar(item.a)) return;
        for (u32 shape : shapes) {
            if (deep) shape = kind == 1 ? shapes_.shallow_object(shape) : shapes_.shallow_array(shape);
            Frame f;
            f.kind = kind;
            f.shape = shape;
            f.progress = kind == 1 ? shapes_.object_start(shape) : shapes_.array_start(shape);
            f.parents = item.b;
            f.depth = frames_[sets_[item.b][0]].depth + 1;
            for (u32 p : sets_[item.b]) f.unique = f.unique || frames_[p].unique;
            if (kind == 2 && shapes_.array(shape).unique) {
                f.unique = true;
                f.mark = raw;
            }
            if (kind == 2 && shapes_.array(shape).repeated) f.unique = true;
            Item i;
            i.a = intern_frame(f);
            out.items.push_back(i);
        }
    };
    switch (byte) {
        case '"':
            out.phase = kString;
            for (const Item& item : s.items) {
                const u32 x = formulas_.written_expression(item.a);
                if (x == Derivatives::kEmpty) continue;
                const u32 state = store_.start(x);
                if (!store_.alive(state)) continue;
                // By the texts that may not come again.
                std::map<u32, std::vector<u32>> by_texts;
                for (u32 f : sets_[item.b]) {
                    const Frame& frame = frames_[f];
                    const bool own = frame.kind == 2 && shapes_.array(frame.shape).unique;
                    by_texts[own ? frame.texts : TextSets::kEmpty].push_back(f);
                }
                for (auto& [texts, list] : by_texts) {
                    Item i;
                    i.a = state;
                    i.b = frame_set(list);
                    i.lo = texts;
                    i.xhi = texts_.size(texts);
                    if (i.xhi == 0) i.lo = 0;
                    if (item_alive(kString, i, 0, StringDecoder())) out.items.push_back(i);
                }
            }
            return;
        case '{':
            out.phase = kObjectFirst;
            for (const Item& item : s.items) frames(1, shapes_.objects(item.a), item);
            return;
        case '[':
            out.phase = kArrayFirst;
            for (const Item& item : s.items) frames(2, shapes_.arrays(item.a), item);
            return;
        case 'n':
        case 't':
        case 'f':
            out.phase = kLiteral;
            out.gap = 0;
            out.literal = byte == 'n' ? 0 : byte == 't' ? 1 : 2;
            out.literal_at = 1;
            for (const Item& item : s.items)
                if (formulas_.allows(item.a, kLiteralTypes[out.literal])) {
                    Item i;
                    i.b = item.b;
                    out.items.push_back(i);
                }
            return;
        default:
            if (byte != '-' && (byte < '0' || byte > '9')) return;
            out.phase = kNumber;
            out.gap = 0;
            for (const Item& item : s.items)
                for (u32 c : formulas_.number_conditions(item.a)) {
                    const u32 n = numbers_.step(numbers_.start(c), byte);
                    if (n == NumberLanguage::kDead) continue;
                    Item i;
                    i.a = n;
                    i.b = item.b;
                    out.items.push_back(i);
                }
    }
}

// What has to be unlike all values of a set: numbers and literals (strings are told apart as they are read, and objects
// and arrays where they end).
u32 SchemaAutomaton::excluding(u32 values) {
    const auto it = excluding_.find(values);
    if (it != excluding_.end()) return it->second;
    SchemaNode types, numbers;
    types.op = SchemaOp::kTypes;
    numbers.op = SchemaOp::kNumbers;
    for (const std::string& v : values_[values]) {
        for (u32 k = 0; k < 3; ++k)
            if (v == kLiterals[k]) types.a |= kLiteralTypes[k];
        if (v[0] == '-' || v[0] == 'e' || (v[0] >= '0' && v[0] <= '9')) {
            std::string digits = v;
            if (digits[0] == 'e') digits = "0" + digits;
            if (digits[0] == '-' && digits.size() > 1 && digits[1] == 'e') digits.insert(1, "0");
            program_.decimals.push_back(parse_decimal(digits));
            numbers.items.push_back(static_cast<u32>(program_.decimals.size() - 1));
        }
    }
    u32 f = Formulas::kTrue;
    if (types.a) {
        program_.nodes.push_back(types);
        f = formulas_.both(f, formulas_.of(static_cast<u32>(program_.nodes.size() - 1), true));
    }
    if (!numbers.items.empty()) {
        // "Not one of these numbers" says nothing of other types, so its negation alone would say too much.
        program_.nodes.push_back(numbers);
        const u32 among = static_cast<u32>(program_.nodes.size() - 1);
        SchemaNode other, any;
        other.op = SchemaOp::kTypes;
        other.a = kAllTypes & ~static_cast<u32>(kNumberType);
        program_.nodes.push_back(other);
        any.op = SchemaOp::kNot;
        any.items = {among};
        program_.nodes.push_back(any);
        const u32 n = static_cast<u32>(program_.nodes.size());
        f = formulas_.both(f, formulas_.any_of({n - 2, n - 1}));
    }
    return excluding_[values] = f;
}

// Some value with this formula is none of the texts.
bool SchemaAutomaton::possible(u32 f, u32 texts) {
    if (!shapes_.satisfiable(f)) return false;
    if (texts == TextSets::kEmpty) return true;
    for (SchemaType t : kLiteralTypes)
        if (formulas_.allows(f, t)) return true;
    if (!formulas_.number_conditions(f).empty() || !shapes_.objects(f).empty() || !shapes_.arrays(f).empty())
        return true;
    Item i;
    i.a = store_.start(formulas_.written_expression(f));
    i.lo = texts;
    i.xhi = texts_.size(texts);
    return item_alive(kString, i, 0, StringDecoder());
}

void SchemaAutomaton::enter_item(u32 id, u32 raw, Entries& by_formula) {
    const Frame f = frames_[id];
    std::vector<Entry> entries;
    shapes_.next_item(f.shape, f.progress, entries);
    const bool unique = shapes_.array(f.shape).unique;
    for (const Entry& e : entries) {
        u32 formula = e.formula;
        if (unique) {
            formula = formulas_.both(formula, excluding(f.values));
            if (!possible(formula, f.texts)) continue;
        }
        Frame next = f;
        next.progress = e.progress;
        if (f.unique && (unique || shapes_.array(f.shape).repeated)) next.mark = raw;
        by_formula.add(formula, intern_frame(next));
    }
}

void SchemaAutomaton::enter_member(u32 id, const std::vector<Entry>& entries, const CodePoints* unknown,
                                   Entries& by_formula) {
    for (const Entry& e : entries) {
        Frame next = frames_[id];
        next.progress = e.progress;
        if (unknown) next.texts = texts_.add(next.texts, *unknown);
        by_formula.add(e.formula, intern_frame(next));
    }
}

void SchemaAutomaton::put(Entries& by_formula, State& out) {
    for (auto& [formula, frames] : by_formula) {
        Item i;
        i.a = formula;
        i.b = frame_set(std::move(frames));
        out.items.push_back(i);
    }
}

// Values end in all frames of these sets.
void SchemaAutomaton::finish_value(const std::vector<u32>& sets, u32 raw, State& out) {
    out.phase = kAfter;
    out.gap = program_.options.whitespace == 0 ? program_.options.max_run : 0;
    std::vector<u32> frames;
    for (u32 set : sets) frames.insert(frames.end(), sets_[set].begin(), sets_[set].end());
    std::sort(frames.begin(), frames.end());
    frames.erase(std::unique(frames.begin(), frames.end()), frames.end());
    for (u32 id : frames) {
        Frame f = frames_[id];
        const bool compared = f.kind == 2 && (shapes_.array(f.shape).unique || shapes_.array(f.shape).repeated);
        if (compared && raw == kLost) {
            out.doubt = true;
        } else if (compared && values_[f.values] == kTwice) {
            // something was there twice: the others may be what they like
        } else if (compared) {
            std::string json;
            for (char32_t c : text_of(raw, f.mark)) json += static_cast<char>(c);
            const std::string value = canonical_value(json);
            std::vector<std::string> values = values_[f.values];
            bool again = false;
            if (!value.empty() && value[0] == '"') {
                CodePoints text;
                for (size_t i = 1; i + 2 < value.size(); i += 3)
                    text.push_back(static_cast<u32>(static_cast<u8>(value[i])) << 16 |
                                   static_cast<u32>(static_cast<u8>(value[i + 1])) << 8 |
                                   static_cast<u8>(value[i + 2]));
                const u32 more = texts_.add(f.texts, text);
                again = more == f.texts;
                f.texts = more;
            } else {
                const auto at = std::lower_bound(values.begin(), values.end(), value);
                again = at != values.end() && *at == value;
                if (!again) values.insert(at, value);
                const auto [it, fresh] = value_index_.emplace(values, static_cast<u32>(values_.size()));
                if (fresh) values_.push_back(std::move(values));
                f.values = it->second;
            }
            if (again && shapes_.array(f.shape).unique) continue;
            if (again) {  // something is there twice
                const auto [it, fresh] = value_index_.emplace(kTwice, static_cast<u32>(values_.size()));
                if (fresh) values_.push_back(kTwice);
                f.values = it->second;
            }
            f.mark = 0;
            id = intern_frame(f);
        }
        Item i;
        i.a = id;
        out.items.push_back(i);
    }
}

// A bracket closes the containers.
void SchemaAutomaton::close(const State& s, u8 byte, u32 raw, State& out) {
    std::vector<u32> sets;
    for (const Item& i : s.items) {
        const Frame& f = frames_[i.a];
        if (byte == '}' && f.kind == 1 && shapes_.object_complete(f.shape, f.progress)) sets.push_back(f.parents);
        if (byte == ']' && f.kind == 2 && shapes_.array_complete(f.shape, f.progress)) {
            if (shapes_.array(f.shape).repeated && values_[f.values] != kTwice) continue;
            sets.push_back(f.parents);
        }
    }
    if (!sets.empty()) finish_value(sets, raw, out);
}

}  // namespace gcd
