#include "schema_automaton.hpp"

#include <algorithm>
#include <tuple>

namespace gcd {

namespace {

const std::vector<std::string> kTwice{"twice"};  // in place of an array's values, once two of them are equal
const char* const kLiterals[3] = {"null", "true", "false"};
constexpr SchemaType kLiteralTypes[3] = {kNullType, kTrueType, kFalseType};
constexpr u32 kMaxItems = 20000;

void append_character(std::string& out, u32 c) {
    out += static_cast<char>(c >> 16);
    out += static_cast<char>(c >> 8);
    out += static_cast<char>(c);
}

}  // namespace

// -- sets of texts ----------------------------------------------------------------------------

u32 TextSets::add(u32 set, const CodePoints& text) {
    const CodePoints* address = &texts_.emplace(text, 0).first->first;
    std::vector<const CodePoints*> next = sets_[set];
    const auto at = std::lower_bound(next.begin(), next.end(), address,
                                     [](const CodePoints* a, const CodePoints* b) { return *a < *b; });
    if (at != next.end() && *at == address) return set;
    next.insert(at, address);
    const auto it = index_.find(next);
    if (it != index_.end()) return it->second;
    const u32 id = static_cast<u32>(sets_.size());
    index_.emplace(next, id);
    sets_.push_back(std::move(next));
    return id;
}

// -- canonical values -------------------------------------------------------------------------

namespace {

class Canonical {
  public:
    explicit Canonical(const std::string& s) : s_(s) {}
    bool value(std::string& out, u32 depth) {
        space();
        if (i_ >= s_.size() || depth > 5000) return false;
        const char c = s_[i_];
        if (c == '"') return string(out);
        if (c == '{') {
            ++i_;
            std::vector<std::pair<std::string, std::string>> members;
            space();
            if (peek('}')) return out += "{}", true;
            do {
                std::string k, v;
                space();
                if (!string(k)) return false;
                space();
                if (!peek(':') || !value(v, depth + 1)) return false;
                members.emplace_back(std::move(k), std::move(v));
                space();
            } while (peek(','));
            if (!peek('}')) return false;
            std::sort(members.begin(), members.end());
            out += '{';
            for (const auto& [k, v] : members) length(out, k), out += k, length(out, v), out += v;
            out += '}';
            return true;
        }
        if (c == '[') {
            ++i_;
            out += '[';
            space();
            if (peek(']')) return out += ']', true;
            do {
                std::string v;
                if (!value(v, depth + 1)) return false;
                length(out, v);
                out += v;
                space();
            } while (peek(','));
            if (!peek(']')) return false;
            out += ']';
            return true;
        }
        for (const char* word : kLiterals)
            if (s_.compare(i_, std::strlen(word), word) == 0) {
                i_ += std::strlen(word);
                out += word;
                return true;
            }
        const size_t begin = i_;
        while (i_ < s_.size() && (std::strchr("+-.eE", s_[i_]) || (s_[i_] >= '0' && s_[i_] <= '9'))) ++i_;
        if (i_ == begin) return false;
        const Decimal d = parse_decimal(s_.substr(begin, i_ - begin));
        out += (d.negative ? "-" : "") + d.digits + "e" + std::to_string(d.zero() ? 0 : d.exponent);
        return true;
    }

  private:
    void space() {
        while (i_ < s_.size() && std::strchr(" \n\t\r", s_[i_]) && s_[i_]) ++i_;
    }
    bool peek(char c) {
        if (i_ >= s_.size() || s_[i_] != c) return false;
        ++i_;
        return true;
    }
    static void length(std::string& out, const std::string& part) { out += std::to_string(part.size()) + ":"; }
    bool string(std::string& out) {
        if (!peek('"')) return false;
        out += '"';
        StringDecoder d;
        while (i_ < s_.size()) {
            u32 c = 0;
            const auto r = d.step(static_cast<u8>(s_[i_++]), c);
            if (r == StringDecoder::kQuote) return true;
            if (r == StringDecoder::kRefused) return false;
            if (r == StringDecoder::kCharacter) append_character(out, c);
        }
        return false;
    }
    const std::string& s_;
    size_t i_ = 0;
};

}  // namespace

std::string canonical_value(const std::string& json) {
    std::string out;
    Canonical c(json);
    return c.value(out, 0) ? out : "";
}

// -- construction -----------------------------------------------------------------------------

SchemaAutomaton::SchemaAutomaton(SchemaProgram& program, Formulas& formulas, Shapes& shapes, Derivatives& store,
                                 NumberLanguage& numbers, u32 max_size)
    : program_(program), formulas_(formulas), shapes_(shapes), store_(store), numbers_(numbers), max_size_(max_size) {
    states_.push_back(State());  // dead
    values_.push_back({});
    value_index_[{}] = 0;
    lists_.emplace_back(0, 0);
    sets_.intern({});
    const u32 root = intern_frame(Frame());
    const u32 f = formulas_.of(program.root);
    if (!shapes_.satisfiable(f)) return;
    State s;
    s.gap = program.options.whitespace == 0 ? program.options.max_run : 0;
    Item item;
    item.a = f;
    item.b = frame_set({root});
    s.items.push_back(item);
    start_ = intern(std::move(s));
}

u32 SchemaAutomaton::intern_frame(const Frame& f) {
    u64 h = mix(mix(mix(f.kind, f.shape), mix(f.progress, f.texts)), mix(mix(f.values, f.mark), f.parents));
    const u32 first = frame_index_.find(h);
    for (u32 at = first; at != NONE; at = frames_[at].next_alike) {
        const Frame& o = frames_[at];
        if (o.kind == f.kind && o.shape == f.shape && o.progress == f.progress && o.texts == f.texts &&
            o.values == f.values && o.mark == f.mark && o.parents == f.parents)
            return at;
    }
    const u32 id = static_cast<u32>(frames_.size());
    frames_.push_back(f);
    frames_[id].next_alike = NONE;  // of the frame that it was copied from
    if (first == NONE) {
        frame_index_.insert(h, id);
    } else {
        frames_[id].next_alike = frames_[first].next_alike;
        frames_[first].next_alike = id;
    }
    return id;
}

u32 SchemaAutomaton::frame_set(std::vector<u32> frames) {
    std::sort(frames.begin(), frames.end());
    frames.erase(std::unique(frames.begin(), frames.end()), frames.end());
    return sets_.intern(std::move(frames));
}

u32 SchemaAutomaton::push_text(u32 list, u32 c) {
    const u64 key = static_cast<u64>(list) << 21 | c;
    const u32 known = list_index_.find(key);
    if (known != NONE) return known;
    const u32 id = static_cast<u32>(lists_.size());
    lists_.emplace_back(list, c);
    list_index_.insert(key, id);
    return id;
}

CodePoints SchemaAutomaton::text_of(u32 list, u32 from) const {
    CodePoints out;
    if (list >= lists_.size()) return out;
    for (; list != from && list != 0; list = lists_[list].first) out.push_back(lists_[list].second);
    std::reverse(out.begin(), out.end());
    return out;
}

u32 SchemaAutomaton::intern(State s) {
    if (s.items.empty()) return kDead;
    std::sort(s.items.begin(), s.items.end());
    s.items.erase(std::unique(s.items.begin(), s.items.end()), s.items.end());
    if (s.items.size() > kMaxItems)
        throw CoreError(ErrorKind::limit_states, s.items.size(),
                        "the schema leaves too many choices open at one place");
    u64 h =
        mix(s.phase | s.literal << 8 | s.literal_at << 16 | s.gap_kind << 24, static_cast<u64>(s.gap) << 32 | s.depth);
    h = mix(mix(h, static_cast<u64>(s.text) << 32 | s.raw), s.decoder.key() + (s.doubt ? 1 : 0));
    for (const Item& i : s.items)
        h = mix(mix(mix(h, static_cast<u64>(i.a) << 32 | i.b), static_cast<u64>(i.lo) << 32 | i.hi),
                static_cast<u64>(i.xlo) << 32 | i.xhi);
    u32 last = NONE;
    for (u32 at = state_index_.find(h); at != NONE; at = states_[at].next_alike) {
        const State& o = states_[at];
        if (o.phase == s.phase && o.literal == s.literal && o.literal_at == s.literal_at && o.gap_kind == s.gap_kind &&
            o.gap == s.gap && o.depth == s.depth && o.text == s.text && o.raw == s.raw && o.doubt == s.doubt &&
            o.decoder == s.decoder && o.items == s.items)
            return at;
        last = at;
    }
    if (states_.size() >= max_size_)
        throw CoreError(ErrorKind::limit_states, states_.size(), "too many states of the schema automaton");
    s.next_alike = NONE;  // of the state that it was copied from
    const u32 id = states_.push_back(std::move(s));
    if (last == NONE)
        state_index_.insert(h, id);
    else
        states_[last].next_alike = id;
    return id;
}

bool SchemaAutomaton::complete(u32 id) const {
    if (id == kDead) return false;
    const State& s = states_[id];
    for (const Item& i : s.items) {
        if (s.phase == kAfter && frames_[i.a].kind == 0) return true;
        if (s.phase == kNumber && numbers_.accepts(i.a))
            for (u32 f : sets_[i.b])
                if (frames_[f].kind == 0) return true;
    }
    return false;
}

// -- white space ------------------------------------------------------------------------------

u32 SchemaAutomaton::depth_of(const State& s) const {
    const Item& i = s.items[0];
    if (s.phase == kValue || s.phase == kColon) return frames_[sets_[i.b][0]].depth;
    return frames_[i.a].depth;
}

// What fixed separators demand at this place.
std::string SchemaAutomaton::gap_text(const State& s) const {
    const SchemaOptions& o = program_.options;
    auto line = [&](u32 depth) { return "\n" + std::string(static_cast<size_t>(depth) * o.indent, ' '); };
    switch (s.gap_kind) {
        case 1: {
            std::string text = o.item_separator.substr(1);
            if (o.whitespace == 2) text = line(depth_of(s));
            return text;
        }
        case 2:
            return o.whitespace == 2 ? line(depth_of(s)) : "";
        case 3:
            return o.key_separator;
        case 4:
            return o.whitespace == 2 ? line(depth_of(s) - 1) : "";
        default:
            return "";
    }
}

u32 SchemaAutomaton::next_bytes(const State& s, u8* out) {
    u32 n = 0;
    auto put = [&](const char* bytes) {
        for (; *bytes; ++bytes) out[n++] = static_cast<u8>(*bytes);
    };
    if (s.phase == kLiteral) {
        out[n++] = static_cast<u8>(kLiterals[s.literal][s.literal_at]);
        return n;
    }
    if (program_.options.whitespace != 0) {
        if (s.phase == kValue || s.phase == kKey || s.phase == kClose || s.phase == kColon) {
            const std::string gap = gap_text(s);
            if (s.gap < gap.size()) {
                out[n++] = static_cast<u8>(gap[s.gap]);
                return n;
            }
        } else if (program_.options.whitespace == 2) {
            put("\n");
        }
    }
    switch (s.phase) {
        case kAfter:
            put(",]}");
            break;
        case kObjectFirst:
            put("\"}");
            break;
        case kKey:
            put("\"");
            break;
        case kColon:
            put(":");
            break;
        case kClose:
            put("]}");
            break;
        case kArrayFirst:
            put("]\"{[ntf-0123456789");
            break;
        default: {
            bool strings = false, numbers = false, objects = false, arrays = false, literals = false;
            for (const Item& i : s.items) {
                strings = strings || formulas_.string_expression(i.a) != Derivatives::kEmpty;
                numbers = numbers || !formulas_.number_conditions(i.a).empty();
                objects = objects || !shapes_.objects(i.a).empty();
                arrays = arrays || !shapes_.arrays(i.a).empty();
                for (SchemaType t : kLiteralTypes) literals = literals || formulas_.allows(i.a, t);
            }
            if (strings) put("\"");
            if (objects) put("{");
            if (arrays) put("[");
            if (literals) put("ntf");
            if (numbers) put("-0123456789");
        }
    }
    return n;
}

// -- values -----------------------------------------------------------------------------------

void SchemaAutomaton::begin_value(const State& s, u8 byte, u32 raw, State& out) {
    auto frames = [&](u8 kind, const std::vector<u32>& shapes, const Item& item) {
        for (u32 shape : shapes) {
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
                const u32 x = formulas_.string_expression(item.a);
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
    i.a = store_.start(formulas_.string_expression(f));
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

// -- texts ------------------------------------------------------------------------------------

// The ranges of names and texts that go on with `c`.
void SchemaAutomaton::narrow(const Item& item, u32 texts, const ObjectShape* shape, u32 depth, u32 c, Item& out) const {
    if (shape) {
        const auto& names = shape->names;
        auto from = [&](u32 x) {
            u32 lo = item.lo, hi = item.hi;
            while (lo < hi) {
                const u32 mid = (lo + hi) / 2;
                if (names[mid].text.size() > depth && names[mid].text[depth] >= x)
                    hi = mid;
                else
                    lo = mid + 1;
            }
            return lo;
        };
        out.lo = from(c);
        out.hi = from(c + 1);
        if (out.lo == out.hi) out.lo = out.hi = 0;
    }
    u32 lo = item.xlo, hi = item.xhi;
    auto reaches = [&](u32 i, u32 x) {
        const CodePoints& t = texts_.text(texts, i);
        return t.size() > depth && t[depth] >= x;
    };
    auto first = [&](u32 from, u32 to, u32 x) {
        while (from < to) {
            const u32 mid = (from + to) / 2;
            if (reaches(mid, x))
                to = mid;
            else
                from = mid + 1;
        }
        return from;
    };
    const u32 a = first(lo, hi, c), b = first(a, hi, c + 1);
    out.xlo = a == b ? 0 : a;
    out.xhi = a == b ? 0 : b;
}

// Some text that the first state accepts is neither a name nor one of the texts.
bool SchemaAutomaton::excluded_alive(const std::vector<u32>& states, const Item& item, u32 texts,
                                     const ObjectShape* shape, u32 depth, u32 budget) {
    const u32 state = states[0];
    if (!store_.alive(state)) return false;
    if (item.lo == item.hi && item.xlo == item.xhi) return true;
    if (store_.is_any(state) || budget == 0) return true;
    if (store_.accepts(state)) {
        bool here = false;
        if (shape && item.lo < item.hi) here = shape->names[item.lo].text.size() == depth;
        if (item.xlo < item.xhi) here = here || texts_.text(texts, item.xlo).size() == depth;
        if (!here) return true;
    }
    std::vector<u32> next;  // characters that names or texts go on with
    if (shape)
        for (u32 i = item.lo; i < item.hi; ++i)
            if (shape->names[i].text.size() > depth) next.push_back(shape->names[i].text[depth]);
    for (u32 i = item.xlo; i < item.xhi; ++i)
        if (texts_.text(texts, i).size() > depth) next.push_back(texts_.text(texts, i)[depth]);
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    u32 from = 0;
    for (u32 c : next) {
        if (c > from && store_.alive_by(state, from, c - 1)) return true;
        from = c + 1;
    }
    if (from <= kMaxCodePoint && store_.alive_by(state, from, kMaxCodePoint)) return true;
    for (u32 c : next) {
        Item below = item;
        narrow(item, texts, shape, depth, c, below);
        if (excluded_alive({store_.step(state, c)}, below, texts, shape, depth + 1, budget - 1)) return true;
    }
    return false;
}

void SchemaAutomaton::lead_bytes(Phase phase, const Item& item, u32 depth, u64 bytes[4]) const {
    auto each = [&](u32 from, u32 to, auto&& text) {
        while (from < to) {
            const CodePoints& t = text(from);
            if (t.size() <= depth) {
                ++from;
                continue;
            }
            const u32 c = t[depth];
            add_lead(c, bytes);
            u32 end = to, step = 1;  // those with the same character are skipped
            for (++from; from < to && text(from)[depth] == c; step *= 2) {
                if (from + step >= to || text(from + step)[depth] != c) {
                    end = std::min(to, from + step);
                    break;
                }
                from += step;
            }
            while (from < end) {
                const u32 mid = (from + end) / 2;
                if (text(mid)[depth] == c)
                    from = mid + 1;
                else
                    end = mid;
            }
        }
    };
    if (phase == kInKey && item.lo < item.hi) {
        const auto& names = shape_of(item).names;
        each(item.lo, item.hi, [&](u32 i) -> const CodePoints& { return names[i].text; });
    }
    if (item.xlo == item.xhi) return;
    const u32 texts = phase == kInKey ? frames_[item.a].texts : item.lo;
    each(item.xlo, item.xhi, [&](u32 i) -> const CodePoints& { return texts_.text(texts, i); });
}

// Whether a name or a text goes on with a character within [lo, hi].
bool SchemaAutomaton::goes_on(Phase phase, const Item& item, u32 depth, u32 lo, u32 hi) const {
    auto within = [&](u32 from, u32 to, auto&& text) {
        const u32 end = to;
        while (from < to) {
            const u32 mid = (from + to) / 2;
            const CodePoints& t = text(mid);
            if (t.size() > depth && t[depth] >= lo)
                to = mid;
            else
                from = mid + 1;
        }
        return from < end && text(from)[depth] <= hi;
    };
    if (phase == kInKey && item.lo < item.hi) {
        const auto& names = shape_of(item).names;
        if (within(item.lo, item.hi, [&](u32 i) -> const CodePoints& { return names[i].text; })) return true;
    }
    if (item.xlo == item.xhi) return false;
    const u32 texts = phase == kInKey ? frames_[item.a].texts : item.lo;
    return within(item.xlo, item.xhi, [&](u32 i) -> const CodePoints& { return texts_.text(texts, i); });
}

bool SchemaAutomaton::item_alive(Phase phase, const Item& item, u32 depth, const StringDecoder& decoder) {
    const bool key = phase == kInKey;
    const ObjectShape* shape = key ? &shape_of(item) : nullptr;
    const u32 texts = key ? frames_[item.a].texts : item.lo;
    Item ranges = item;  // names only for keys: a string's `lo` is its set
    if (!key) ranges.lo = ranges.hi = 0;
    const u32 state = key ? (item.b == NONE ? Derivatives::kDead : shapes_.vector_states(item.b)[0]) : item.a;
    auto option_within = [&](u32 lo, u32 hi) {
        const std::vector<u32>& names = options_of(item).names;
        const auto at = std::lower_bound(names.begin(), names.end(), lo);
        return at != names.end() && *at < hi;
    };
    if (decoder.plain()) {
        if (key && item.lo < item.hi && option_within(item.lo, item.hi)) return true;
        return state != Derivatives::kDead && excluded_alive({state}, ranges, texts, shape, depth, 200);
    }
    u32 lo[2], hi[2];
    const u32 n = decoder.ranges(lo, hi);
    for (u32 r = 0; r < n; ++r) {
        if (key && item.lo < item.hi) {
            const auto& names = shape->names;
            u32 a = item.lo;
            while (a < item.hi && !(names[a].text.size() > depth && names[a].text[depth] >= lo[r])) ++a;
            u32 b = a;
            while (b < item.hi && names[b].text[depth] <= hi[r]) ++b;
            if (a < b && option_within(a, b)) return true;
        }
        if (state == Derivatives::kDead) continue;
        // Characters that no name or text goes on with, then those.
        std::vector<u32> next;
        if (shape)
            for (u32 i = item.lo; i < item.hi; ++i)
                if (shape->names[i].text.size() > depth) next.push_back(shape->names[i].text[depth]);
        for (u32 i = item.xlo; i < item.xhi; ++i)
            if (texts_.text(texts, i).size() > depth) next.push_back(texts_.text(texts, i)[depth]);
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        u32 from = lo[r];
        for (u32 c : next) {
            if (c < lo[r] || c > hi[r]) continue;
            if (c > from && store_.alive_by(state, from, c - 1)) return true;
            from = c + 1;
            Item below = ranges;
            narrow(ranges, texts, shape, depth, c, below);
            if (excluded_alive({store_.step(state, c)}, below, texts, shape, depth + 1, 200)) return true;
        }
        if (from <= hi[r] && store_.alive_by(state, from, hi[r])) return true;
    }
    return false;
}

bool SchemaAutomaton::read_character(Phase phase, Item& item, u32 depth, u32 c) {
    if (phase == kInKey) {
        Item next = item;
        narrow(item, frames_[item.a].texts, &shape_of(item), depth, c, next);
        if (item.b != NONE) {
            next.b = shapes_.vector_step(item.b, c);
            if (!store_.alive(shapes_.vector_states(next.b)[0])) next.b = NONE;
        }
        item = next;
    } else {
        const u32 texts = item.lo;
        Item next = item;
        next.lo = next.hi = 0;
        if (item.xlo < item.xhi) {
            narrow(next, texts, nullptr, depth, c, next);
            next.lo = next.xlo < next.xhi ? texts : 0;
        }
        next.hi = 0;
        next.a = store_.step(item.a, c);
        item = next;
        if (item.a == Derivatives::kDead) return false;
    }
    return item_alive(phase, item, depth + 1, StringDecoder());
}

void SchemaAutomaton::begin_key(const State& s, State& out) {
    out.phase = kInKey;
    out.gap = 0;
    out.gap_kind = 0;
    for (const Item& i : s.items) {
        const Frame& f = frames_[i.a];
        if (f.kind != 1) continue;
        const KeyOptions& options = shapes_.key_options(f.shape, f.progress);
        if (options.names.empty() && !options.unknown) continue;
        const ObjectShape& shape = shapes_.object(f.shape);
        Item k;
        k.a = i.a;
        k.b = options.unknown ? shape.key_start : NONE;
        k.hi = static_cast<u32>(shape.names.size());
        k.xhi = texts_.size(f.texts);
        if (item_alive(kInKey, k, 0, StringDecoder())) out.items.push_back(k);
    }
}

// -- steps ------------------------------------------------------------------------------------

// For masks: the lexeme's text isn't known. A string or number that is an item itself was kept apart from those before
// it while it was read; of all that follows, `kLost` says that it can't be compared.
u32 SchemaAutomaton::after_value(const State& s, const Item& item) {
    if (s.doubt) return after_value_slow(s, item);
    const u32 known = behind_values_.find(item.b);
    if (known != NONE) return known;
    const u32 to = after_value_slow(s, item);
    behind_values_.insert(item.b, to);
    return to;
}

u32 SchemaAutomaton::after_value_slow(const State& s, const Item& item) {
    State out;
    out.phase = kAfter;
    out.gap = program_.options.whitespace == 0 ? program_.options.max_run : 0;
    bool unique = false;
    for (u32 id : sets_[item.b]) {
        unique = unique || frames_[id].unique;
        if (frames_[id].kind == 2 && shapes_.array(frames_[id].shape).repeated) out.doubt = true;
        Item i;
        i.a = id;
        out.items.push_back(i);
    }
    out.raw = unique ? kLost : NONE;
    out.doubt = out.doubt || s.doubt;
    return intern(std::move(out));
}

u32 SchemaAutomaton::after_name(const State& s, const Item& item, u32 name) {
    const u64 key = static_cast<u64>(item.a) << 32 | name;
    const bool simple = s.raw == NONE && !s.doubt;
    const u32 known = simple ? behind_keys_.find(key) : NONE;
    if (known != NONE) return known;
    std::vector<Entry> entries;
    shapes_.after_name(frames_[item.a].shape, frames_[item.a].progress, name, entries);
    const u32 to = behind_key(s, item, entries);
    if (simple) behind_keys_.insert(key, to);
    return to;
}

u32 SchemaAutomaton::after_unknown(const State& s, const Item& item, u64 matched) {
    const u64 key = static_cast<u64>(item.a) << 32 | kPatterns | matched;
    const bool simple = s.raw == NONE && !s.doubt && matched < kPatterns;
    const u32 known = simple ? behind_keys_.find(key) : NONE;
    if (known != NONE) return known;
    std::vector<Entry> entries;
    shapes_.after_key(frames_[item.a].shape, frames_[item.a].progress, matched, entries);
    const u32 to = behind_key(s, item, entries);
    if (simple) behind_keys_.insert(key, to);
    return to;
}

u32 SchemaAutomaton::behind_key(const State& s, const Item& item, const std::vector<Entry>& entries) {
    State out;
    out.phase = kColon;
    out.raw = s.raw == NONE ? NONE : kLost;
    out.doubt = s.doubt;
    out.gap = program_.options.whitespace == 0 ? program_.options.max_run : 0;
    out.gap_kind = program_.options.whitespace == 0 ? 0 : 3;
    Entries by_formula;
    enter_member(item.a, entries, nullptr, by_formula);
    put(by_formula, out);
    return intern(std::move(out));
}

u32 SchemaAutomaton::step_slow(u32 id, u8 byte) {
    if (id == kDead) return kDead;
    const State& s = states_[id];
    const SchemaOptions& o = program_.options;
    const bool any = o.whitespace == 0;
    State out;
    const u32 raw = s.raw == NONE ? 0 : s.raw == kLost ? kLost : push_text(s.raw, byte);
    if (s.raw == kLost && byte == ',') out.doubt = true;
    bool done = false;
    auto with_gap = [&](u8 kind) {
        out.gap = any ? o.max_run : 0;
        out.gap_kind = any ? 0 : kind;
    };
    // White space between lexemes.
    if (s.phase != kString && s.phase != kInKey && s.phase != kNumber && s.phase != kLiteral) {
        if (any) {
            if (any_space(byte)) {
                done = true;
                if (s.gap > 0) {
                    out = s;
                    --out.gap;
                }
            }
        } else if (s.phase == kColon) {
            const std::string gap = gap_text(s);
            done = true;
            if (s.gap < gap.size() && static_cast<u8>(gap[s.gap]) == byte) {
                out = s;
                if (++out.gap == gap.size()) {
                    out.phase = kValue;
                    out.gap = 0;
                    out.gap_kind = 0;
                }
            }
        } else if (s.phase == kValue || s.phase == kKey || s.phase == kClose) {
            const std::string gap = gap_text(s);
            if (s.gap < gap.size()) {
                done = true;
                if (static_cast<u8>(gap[s.gap]) == byte) {
                    out = s;
                    ++out.gap;
                }
            }
        } else if (o.whitespace == 2 && byte == '\n') {
            done = true;
            if (s.phase == kObjectFirst) {
                out = s;
                out.phase = kKey;
                out.gap_kind = 2;
                out.gap = 1;
                State probe;
                begin_key(s, probe);
                if (probe.items.empty()) out.items.clear();
            } else if (s.phase == kArrayFirst) {
                out.phase = kValue;
                Entries by_formula;
                for (const Item& i : s.items) enter_item(i.a, raw, by_formula);
                put(by_formula, out);
                out.gap_kind = 2;
                out.gap = 1;
            } else if (s.phase == kAfter) {
                for (const Item& i : s.items) {
                    const Frame& f = frames_[i.a];
                    if ((f.kind == 1 && shapes_.object_complete(f.shape, f.progress)) ||
                        (f.kind == 2 && shapes_.array_complete(f.shape, f.progress)))
                        out.items.push_back(i);
                }
                out.phase = kClose;
                out.gap_kind = 4;
                out.gap = 1;
            }
        }
    }
    if (!done) switch (s.phase) {
            case kValue:
                begin_value(s, byte, raw, out);
                if (out.phase == kObjectFirst || out.phase == kArrayFirst) with_gap(0);
                break;
            case kLiteral: {
                const char* word = kLiterals[s.literal];
                if (static_cast<u8>(word[s.literal_at]) != byte) break;
                if (word[s.literal_at + 1]) {
                    out = s;
                    ++out.literal_at;
                } else {
                    std::vector<u32> sets;
                    for (const Item& i : s.items) sets.push_back(i.b);
                    finish_value(sets, raw, out);
                }
                break;
            }
            case kNumber: {
                if ((byte >= '0' && byte <= '9') || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' ||
                    byte == '-') {
                    out = s;
                    out.items.clear();
                    for (Item i : s.items) {
                        i.a = numbers_.step(i.a, byte);
                        if (i.a != NumberLanguage::kDead) out.items.push_back(i);
                    }
                    break;
                }
                State after;
                after.raw = s.raw;
                after.doubt = s.doubt;
                std::vector<u32> sets;
                for (const Item& i : s.items)
                    if (numbers_.accepts(i.a)) sets.push_back(i.b);
                if (sets.empty()) break;
                finish_value(sets, s.raw == NONE ? 0 : s.raw, after);
                bool unique = false;
                for (const Item& i : after.items) unique = unique || frames_[i.a].unique;
                after.raw = unique ? s.raw : NONE;
                const u32 ended = intern(std::move(after));
                const u32 to = step(ended, byte);
                steps_.insert(static_cast<u64>(id) << 8 | byte, to);
                return to;
            }
            case kString:
            case kInKey: {
                u32 c = 0;
                StringDecoder decoder = s.decoder;
                const auto r = decoder.step(byte, c);
                if (r == StringDecoder::kRefused) break;
                if (r == StringDecoder::kQuote) {
                    if (s.phase == kString) {
                        std::vector<u32> sets;
                        for (const Item& i : s.items) {
                            if (!store_.accepts(i.a)) continue;
                            if (i.xlo < i.xhi && texts_.text(i.lo, i.xlo).size() == s.depth) continue;
                            sets.push_back(i.b);
                        }
                        if (!sets.empty()) finish_value(sets, raw, out);
                        break;
                    }
                    out.phase = kColon;
                    with_gap(3);
                    Entries by_formula;
                    const CodePoints text = text_of(s.text);
                    for (const Item& i : s.items) {
                        const Frame f = frames_[i.a];
                        const ObjectShape& shape = shapes_.object(f.shape);
                        std::vector<Entry> entries;
                        if (i.lo < i.hi && shape.names[i.lo].text.size() == s.depth) {
                            shapes_.after_name(f.shape, f.progress, i.lo, entries);
                            const std::vector<u32>& names = options_of(i).names;
                            if (!std::binary_search(names.begin(), names.end(), i.lo)) continue;
                            enter_member(i.a, entries, nullptr, by_formula);
                        } else if (i.b != NONE && store_.accepts(shapes_.vector_states(i.b)[0])) {
                            if (i.xlo < i.xhi && texts_.text(f.texts, i.xlo).size() == s.depth) continue;
                            shapes_.after_key(f.shape, f.progress, shapes_.matched(i.b), entries);
                            enter_member(i.a, entries, &text, by_formula);
                        }
                    }
                    put(by_formula, out);
                    break;
                }
                out.phase = s.phase;
                out.decoder = decoder;
                out.depth = s.depth;
                out.text = s.text;
                if (r == StringDecoder::kMore) {
                    for (const Item& i : s.items)
                        if (item_alive(static_cast<Phase>(s.phase), i, s.depth, decoder)) out.items.push_back(i);
                    break;
                }
                bool compared = false, unknown = false;
                for (Item i : s.items) {
                    if (!read_character(static_cast<Phase>(s.phase), i, s.depth, c)) continue;
                    compared = compared || i.xlo < i.xhi || (s.phase == kInKey && i.lo < i.hi);
                    unknown = unknown || (s.phase == kInKey && i.b != NONE);
                    out.items.push_back(i);
                }
                out.depth = compared ? s.depth + 1 : 0;
                out.text = unknown ? push_text(s.text, c) : 0;
                break;
            }
            case kObjectFirst:
            case kKey:
                if (byte == '"') begin_key(s, out);
                if (byte == '}' && s.phase == kObjectFirst) close(s, byte, raw, out);
                break;
            case kColon:
                if (any && byte == ':') {
                    out = s;
                    out.phase = kValue;
                    out.gap = o.max_run;
                }
                break;
            case kArrayFirst: {
                if (byte == ']') {
                    close(s, byte, raw, out);
                    break;
                }
                if (o.whitespace == 2) break;  // a line of its own first
                State value;
                Entries by_formula;
                for (const Item& i : s.items) enter_item(i.a, s.raw == NONE ? 0 : s.raw, by_formula);
                put(by_formula, value);
                if (!value.items.empty()) {
                    begin_value(value, byte, raw, out);
                    if (out.phase == kObjectFirst || out.phase == kArrayFirst) with_gap(0);
                }
                break;
            }
            case kAfter:
                if (byte == ',') {
                    State probe;
                    Entries by_formula;
                    bool objects = false;
                    for (const Item& i : s.items) {
                        const Frame& f = frames_[i.a];
                        if (f.kind == 1) {
                            objects = true;
                            const KeyOptions& options = shapes_.key_options(f.shape, f.progress);
                            if (options.unknown || !options.names.empty()) out.items.push_back(i);
                        } else if (f.kind == 2) {
                            enter_item(i.a, raw, by_formula);
                        }
                    }
                    out.phase = objects ? kKey : kValue;
                    if (!objects) put(by_formula, out);
                    with_gap(1);
                    if (objects) {  // a key must be able to begin
                        begin_key(out, probe);
                        if (probe.items.empty()) out.items.clear();
                    }
                } else if ((byte == '}' || byte == ']') && o.whitespace != 2) {
                    close(s, byte, raw, out);
                }
                break;
            case kClose:
                close(s, byte, raw, out);
                break;
        }
    bool unique = false;
    for (const Item& i : out.items) {
        const bool has_set = out.phase == kValue || out.phase == kString || out.phase == kNumber ||
                             out.phase == kLiteral || out.phase == kColon;
        if (!has_set) {
            unique = unique || frames_[i.a].unique;
        } else {
            for (u32 f : sets_[i.b]) unique = unique || frames_[f].unique;
        }
    }
    out.raw = unique ? raw : NONE;
    out.doubt = out.doubt || s.doubt;
    const u32 to = intern(std::move(out));
    steps_.insert(static_cast<u64>(id) << 8 | byte, to);
    return to;
}

}  // namespace gcd
