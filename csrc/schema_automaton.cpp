#include "schema_automaton.hpp"

#include <algorithm>
#include <tuple>

namespace gcd {

namespace {

constexpr u32 kMaxItems = 20000;
}  // namespace

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
