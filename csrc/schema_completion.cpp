#include "schema_completion.hpp"

#include <algorithm>
#include <unordered_set>

namespace gcd {

using Automaton = SchemaAutomaton;

namespace {
constexpr size_t kMaxPieces = 1u << 20;  // of one ending
constexpr u32 kMaxVisited = 20000;       // pieces tried in vain for one
constexpr size_t kMaxWays = 8;           // that the costs rank, of each item
constexpr size_t kMaxAsked = 32;         // sets of existentials for which a key is looked for
constexpr u32 kFallback = SchemaCosts::kNever;
constexpr u32 kUnknownCost = 8;  // of a member that has no name in the schema
constexpr const char* kLiteral[] = {"null", "true", "false"};
constexpr char kSingles[] = "}]\",:{[0123456789-tfn abcdefghijklmnopqrstuvwxyz\n\t";  // pieces of last resort

}  // namespace

SchemaCompletion::SchemaCompletion(SchemaProgram& program, Formulas& formulas, Shapes& shapes, Automaton& automaton,
                                   LexemeStore& lexemes, const TokenTrie& trie, u64 max_bytes)
    : program_(program),
      formulas_(formulas),
      shapes_(shapes),
      automaton_(automaton),
      lexemes_(lexemes),
      trie_(trie),
      max_bytes_(max_bytes),
      rests_(lexemes),
      costs_(formulas, shapes, automaton, lexemes, rests_),
      endings_(trie) {}

void SchemaCompletion::bound() {
    if (endings_.bytes() + rests_.bytes() + 24 * n_known_ <= max_bytes_) return;
    costs_.forget();
    known_.clear();
    n_known_ = 0;
    rests_.clear();
    endings_.clear();
}

// Whether values are told apart, so that their texts matter.
bool SchemaCompletion::compares(const State& s, const Item& item) {
    if (s.raw != NONE || s.doubt) return true;
    for (u32 frame : automaton_.frames_of(item.b)) {
        const Automaton::Frame& f = automaton_.frame(frame);
        if (f.unique || (f.kind == 2 && shapes_.array(f.shape).repeated)) return true;
    }
    return false;
}

u32 SchemaCompletion::behind(u32 state, const Way& way) {
    if (way.jump == Way::kName) return automaton_.after_name(automaton_.state(state), way.item, way.name);
    if (way.jump == Way::kValue) return automaton_.after_value(automaton_.state(state), way.item);
    return walk(state, way.text);
}

u32 SchemaCompletion::walk(u32 state, const std::string& text) {
    for (size_t i = 0; i < text.size() && state != Automaton::kDead; ++i)
        state = automaton_.step(state, static_cast<u8>(text[i]));
    return state;
}

// What is to come behind a value that stands in a set of frames.
u32 SchemaCompletion::outside(const Item& item) {
    u32 best = SchemaCosts::kNever;
    for (u32 frame : automaton_.frames_of(item.b)) best = std::min(best, costs_.frame(frame));
    return best;
}

// `item`: of the state, if a scalar's end is all that matters of it.
void SchemaCompletion::value_ways(u32 f, u32 outside, std::vector<Way>& out, const Item* item) {
    auto add = [&](u32 cost, std::string text) {
        Way way{SchemaCosts::sum(cost, outside), std::move(text)};
        if (item && way.text != "[" && way.text != "{" && way.text != "\"") {
            way.jump = Way::kValue;
            way.item = *item;
        }
        out.push_back(std::move(way));
    };
    const SchemaType types[] = {kNullType, kTrueType, kFalseType};
    for (u32 k = 0; k < 3; ++k)
        if (formulas_.allows(f, types[k])) add(1, kLiteral[k]);
    for (u32 c : formulas_.number_conditions(f)) {
        const Rest& rest = rests_.number_rest(lexemes_.numbers.start(c));
        if (rest.found) add(1 + static_cast<u32>(rest.text.size()) / 3, rest.text);
    }
    const u32 start = lexemes_.store.start(formulas_.written_expression(f));
    if (lexemes_.store.alive(start)) {
        const Rest& rest = rests_.string_rest({start}, StringDecoder());
        if (rest.found) add(1 + static_cast<u32>(rest.text.size() + 3) / 4, '"' + rest.text);
        add(kFallback / 2, "\"");
    }
    // Containers are looked into only where nothing else will do as well.
    for (const Way& w : out)
        if (w.cost <= SchemaCosts::sum(3, outside)) {
            add(kFallback, "[");
            add(kFallback, "{");
            return;
        }
    if (!shapes_.arrays(f).empty()) add(costs_.arrays(f), "[");
    if (!shapes_.objects(f).empty()) add(costs_.objects(f), "{");
}

// Names that go on with a key of which some characters are there, best first.
void SchemaCompletion::name_ways(const ObjectShape& shape, const Item& item, const KeyOptions& options, u32 depth,
                                 u32 outside, std::vector<Way>& out) {
    for (u32 n : options.names) {
        if (n < item.lo || n >= item.hi) continue;
        const ObjectShape::Name& name = shape.names[n];
        std::string text;
        for (size_t i = depth; i < name.text.size(); ++i) text += json_character(name.text[i]);
        // A required one costs nothing beyond what the frame needs anyway.
        Way way{SchemaCosts::sum(name.required ? 0 : costs_.member(name), outside), text + '"', n};
        way.item = item;
        out.push_back(std::move(way));
    }
    std::sort(out.begin(), out.end());
    if (out.size() > kMaxWays) out.resize(kMaxWays);
}

void SchemaCompletion::key_ways(const State& s, const Item& item, std::vector<Way>& out) {
    if (!s.decoder.plain()) {  // within a character: as an unknown key, or byte by byte
        if (item.b != NONE) {
            const Rest& rest = rests_.string_rest(shapes_.vector_states(item.b), s.decoder);
            if (rest.found) out.push_back({costs_.frame(item.a), rest.text});
        }
        for (u32 b = 0x80; b < 0xC0; ++b) out.push_back({kFallback, std::string(1, static_cast<char>(b))});
        return;
    }
    const ObjectShape& shape = automaton_.shape_of(item);
    const KeyOptions& options = automaton_.options_of(item);
    const u32 rest_of_frame = costs_.frame(item.a);
    std::vector<Way> found;
    name_ways(shape, item, options, s.depth, rest_of_frame, found);
    if (s.raw == NONE && !s.doubt)
        for (Way& way : found) way.jump = Way::kName;
    if (item.b != NONE) {
        const Rest& rest = rests_.string_rest(shapes_.vector_states(item.b), StringDecoder());
        if (rest.found) found.push_back({SchemaCosts::sum(kUnknownCost, rest_of_frame), rest.text});
        // Keys that open existentials ask for: one of them, or several, where room is scarce.
        const Progress& progress = shapes_.progress(automaton_.frame(item.a).progress);
        std::vector<u64> asked;
        for (size_t e = 0; e < shape.existentials.size(); ++e) {
            if (!(progress[progress_word::kOpen] >> e & 1)) continue;
            const size_t n = asked.size();
            const u64 own = 1ull << shape.existentials[e].pattern;
            for (size_t k = 0; k < n && asked.size() < kMaxAsked; ++k) asked.push_back(asked[k] | own);
            asked.push_back(own);
        }
        std::sort(asked.begin(), asked.end());
        asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
        for (u64 wanted : asked) {
            const Rest& one = rests_.string_rest(shapes_.vector_states(item.b), StringDecoder(), wanted);
            if (!one.found) continue;
            found.push_back({SchemaCosts::sum(4, rest_of_frame), one.text});
            const std::string text = one.text.substr(0, one.text.size() - 1);  // if that is there already
            for (char c = '0'; c <= '9'; ++c) found.push_back({SchemaCosts::sum(5, rest_of_frame), text + c + '"'});
        }
    }
    out.insert(out.end(), found.begin(), found.end());
}

// Between members or items: the end of the container, or another one. Behind a number, too, which ends where it likes.
void SchemaCompletion::between_ways(const State& s, std::vector<Way>& out) {
    u32 end = SchemaCosts::kNever, more = SchemaCosts::kNever;
    auto look = [&](u32 id) {
        const Automaton::Frame& f = automaton_.frame(id);
        if (f.kind == 0) return;
        more = std::min(more, SchemaCosts::sum(1, costs_.frame(id)));
        if (f.kind == 1 ? !shapes_.object_complete(f.shape, f.progress) : !shapes_.array_complete(f.shape, f.progress))
            return;
        for (u32 parent : automaton_.frames_of(automaton_.frame(id).parents)) end = std::min(end, costs_.frame(parent));
    };
    for (const Item& i : s.items) {
        if (s.phase == Automaton::kNumber) {
            if (lexemes_.numbers.accepts(i.a))
                for (u32 id : automaton_.frames_of(i.b)) look(id);
        } else {
            look(i.a);
        }
    }
    out.push_back({end, "}"});
    out.push_back({end, "]"});
    if (s.phase != Automaton::kArrayFirst) out.push_back({more, s.phase == Automaton::kObjectFirst ? "\"" : ","});
}

// Pieces of text that may come, best first.
std::vector<SchemaCompletion::Way> SchemaCompletion::ways(u32 id) {
    const State s = automaton_.state(id);
    std::vector<Way> out;
    switch (s.phase) {
        case Automaton::kValue:
            for (const Item& i : s.items) value_ways(i.a, outside(i), out, compares(s, i) ? nullptr : &i);
            break;
        case Automaton::kAfter:
        case Automaton::kObjectFirst:
            between_ways(s, out);
            break;
        case Automaton::kArrayFirst:
            between_ways(s, out);
            for (const Item& i : s.items) {
                std::vector<Entry> entries;
                const Automaton::Frame& f = automaton_.frame(i.a);
                shapes_.next_item(f.shape, f.progress, entries);
                for (const Entry& e : entries) value_ways(e.formula, costs_.frame(i.a), out);
            }
            break;
        case Automaton::kLiteral:
            for (const Item& i : s.items) out.push_back({outside(i), kLiteral[s.literal] + s.literal_at});
            break;
        case Automaton::kString:
            for (const Item& i : s.items) {
                const Rest& rest = rests_.string_rest({i.a}, s.decoder);
                if (rest.found)
                    out.push_back(
                        {SchemaCosts::sum(static_cast<u32>(rest.text.size() + 3) / 4, outside(i)), rest.text});
            }
            break;
        case Automaton::kInKey:
            for (const Item& i : s.items) key_ways(s, i, out);
            break;
        case Automaton::kNumber:
            for (const Item& i : s.items) {
                const Rest& rest = rests_.number_rest(i.a);
                if (rest.found && !rest.text.empty())
                    out.push_back(
                        {SchemaCosts::sum(static_cast<u32>(rest.text.size() + 2) / 3, outside(i)), rest.text});
            }
            between_ways(s, out);
            break;
        case Automaton::kColon:
            for (const Item& i : s.items) out.push_back({SchemaCosts::sum(costs_.value(i.a), outside(i)), ":"});
            break;
        case Automaton::kKey:
            for (const Item& i : s.items) out.push_back({costs_.frame(i.a), "\""});
            break;
        case Automaton::kClose:
            for (const Item& i : s.items)
                out.push_back({costs_.frame(i.a), automaton_.frame(i.a).kind == 1 ? "}" : "]"});
            break;
    }
    std::stable_sort(out.begin(), out.end());
    out.erase(std::unique(
                  out.begin(), out.end(),
                  [](const Way& a, const Way& b) { return a.text == b.text && a.jump == b.jump && a.item == b.item; }),
              out.end());
    return out;
}

// As `Completion::tail`: as deep as documents nest, so the states on the way stand in a list of ours.
u32 SchemaCompletion::ending(u32 state) {
    struct Visit {
        u32 state;
        std::vector<Way> ways;
        size_t at = 0;
        bool last_resort = false;  // single bytes are among the ways
    };
    if (state == Automaton::kDead) return kNone;
    std::vector<Visit> path;
    std::unordered_set<u32> busy;
    auto known = [&](u32 s, u32& ending) {
        const u32 found = known_.find(s);
        if (found != NONE) {
            ending = found;
            return true;
        }
        if (!automaton_.complete(s)) return false;
        ending = Endings::kEmpty;
        return true;
    };
    auto take_up = [&](u32 s) {
        busy.insert(s);
        path.push_back({s, ways(s)});
    };
    u32 ending = kNone, visited = 0;
    bool cut = false;
    if (known(state, ending)) return ending;
    take_up(state);
    // Where the costs are misled (by what they leave out), the way goes on and on: not much longer than it should.
    const u64 expected = path[0].ways.empty() ? kFallback : path[0].ways[0].cost;
    const size_t most_pieces = std::min<size_t>(1000 + 10 * expected, kMaxPieces);
    while (!path.empty()) {
        Visit& v = path.back();
        ending = kNone;
        if (v.at == v.ways.size() && !v.last_resort) {
            v.last_resort = true;
            for (const char* c = kSingles; *c; ++c) v.ways.push_back({kFallback, std::string(1, *c)});
        }
        if (v.at < v.ways.size() && visited < kMaxVisited) {
            const u32 to = behind(v.state, v.ways[v.at]);
            if (v.at) ++visited;
            if (to == Automaton::kDead || (busy.count(to) && !known(to, ending))) {
                cut = cut || to != Automaton::kDead;
                ++v.at;
                continue;
            }
            if (!known(to, ending)) {
                if (path.size() > most_pieces) {
                    cut = true;
                    ++v.at;
                } else {
                    take_up(to);
                }
                continue;
            }
            if (ending == kNone) {
                ++v.at;
                continue;
            }
            ending = endings_.prepend(v.ways[v.at].text, ending);
        }
        cut = cut || visited >= kMaxVisited;
        busy.erase(v.state);
        if (ending != kNone || !cut) {  // what was given up here may be found from elsewhere
            known_.insert(v.state, ending);
            ++n_known_;
        }
        path.pop_back();
    }
    return ending;
}

bool SchemaCompletion::find(u32 state, std::vector<u32>& tokens, u32 most) {
    bound();
    u32 found = ending(state);
    if (found == kNone || endings_.needed(found) > most + 1) {
        for (const Way& way : ways(state)) {
            if (way.cost >= kFallback) break;
            const u32 to = behind(state, way), rest = to == Automaton::kDead ? kNone : ending(to);
            if (rest == kNone) continue;
            const u32 other = endings_.prepend(way.text, rest);
            if (found == kNone || endings_.needed(other) < endings_.needed(found)) found = other;
        }
    }
    if (found == kNone || endings_.needed(found) == NONE) return false;
    tokens = endings_.tokens(found);
    return true;
}

// -- masks ------------------------------------------------------------------------------------

struct SchemaCompletion::Filling {
    u32 start, most;
    std::vector<u32> out;
    // If somebody asks for it: a token, and the shortest ending for which it was let through.
    u32 watched = NONE, ending = kNone;
    void set(u32 token) { out[token / 32] |= 1u << (token % 32); }
    void clear(u32 token) { out[token / 32] &= ~(1u << (token % 32)); }
    bool has(u32 token) const { return out[token / 32] >> (token % 32) & 1; }
};

bool SchemaCompletion::within(const std::string& text, u32 state, u32 most) {
    const u32 found = ending(state);
    last_ = found == kNone ? kNone : endings_.prepend(text, found);
    return found != kNone && endings_.needed(last_) <= most;
}

void SchemaCompletion::note(Filling& f, u32 token) const {
    if (token != f.watched || last_ == kNone) return;
    if (f.ending == kNone || endings_.needed(last_) < endings_.needed(f.ending)) f.ending = last_;
}

// Adds tokens that leave the rest for which `within` has just found an ending.
void SchemaCompletion::add(Filling& f, const RestRow::Group& g) const {
    for (u32 t : g.ids) {
        f.set(t);
        note(f, t);
    }
    for (size_t w = 0; w < g.words.size(); ++w) f.out[w] |= g.words[w];
    if (f.watched != NONE && !g.words.empty() && g.words[f.watched / 32] >> (f.watched % 32) & 1) note(f, f.watched);
}

// Tokens at or below a node, each followed from the start.
void SchemaCompletion::try_each(Filling& f, u32 node, bool own) {
    auto ask = [&](u32 t) {
        u32 at = f.start;
        for (u32 i = 0; i < trie_.token_size(t) && at != Automaton::kDead; ++i)
            at = automaton_.step(at, trie_.token_data(t)[i]);
        if (at != Automaton::kDead && within("", at, f.most)) {
            f.set(t);
            note(f, t);
        }
    };
    if (own) lexemes_.forest.own(node, ask);
    lexemes_.forest.below(node, ask);
}

// Some tokens end at the node in a state; others go on below it.
void SchemaCompletion::arrive(Filling& f, u32 state, u32 node, bool behind_key) {
    if (state == Automaton::kDead) return;
    if (automaton_.state(state).doubt) {
        try_each(f, node, true);
        return;
    }
    bool some = false;
    lexemes_.forest.own(node, [&](u32) { some = true; });
    if (some && within("", state, f.most))
        lexemes_.forest.own(node, [&](u32 t) {
            f.set(t);
            note(f, t);
        });
    visit(f, state, node, behind_key);
}

void SchemaCompletion::visit(Filling& f, u32 id, u32 node, bool behind_key) {
    SuffixForest& forest = lexemes_.forest;
    if (id == Automaton::kDead || forest.leaf(node)) return;
    const State s = automaton_.state(id);
    switch (s.phase) {
        case Automaton::kString:
        case Automaton::kInKey:
            for (const Item& item : s.items) string_item(f, id, item, node, behind_key);
            return;
        case Automaton::kNumber:
            for (const Item& item : s.items) {
                const u32 after = automaton_.after_value(s, item);
                if (automaton_.state(after).doubt) {
                    try_each(f, node, false);
                    continue;
                }
                for (const RestRow::Group& g : rests_.number_row(item.a, node).groups) {
                    if (!within(g.rest->text, after, f.most)) continue;
                    add(f, g);
                }
                for (const LexemeRow::Exit& e : lexemes_.number_row(item.a, node).exits)
                    visit(f, after, e.node, behind_key);
            }
            return;
        default: {
            const bool any = program_.options.whitespace == 0;
            if (any) {
                const SpaceRow& space = lexemes_.space_row(node, s.gap);
                if (!space.inside.empty() && within("", id, f.most)) {
                    for (u32 t : space.inside.ids) f.set(t);
                    for (size_t w = 0; w < space.inside.words.size(); ++w) f.out[w] |= space.inside.words[w];
                    if (f.watched != NONE && space.inside.has(f.watched)) note(f, f.watched);
                }
                node = space.node;
                if (node == NONE) return;
            }
            forest.children(node, [&](u8 byte, u32 child) {
                if (!any || (byte != ' ' && byte != '\n' && byte != '\t' && byte != '\r'))
                    arrive(f, automaton_.step(id, byte), child, behind_key);
            });
        }
    }
}

// A key that may become one of a shape's names.
struct SchemaCompletion::Names {
    const State& s;
    const Item& item;
    bool behind_key;
    // Where members don't depend on each other, and the key has just begun: what the document needs from here. It needs
    // no more than that after another member, but for this member's own tokens and those that its seams split.
    u32 needed;
};

void SchemaCompletion::string_item(Filling& f, u32 id, const Item& item, u32 node, bool behind_key) {
    const State s = automaton_.state(id);
    const bool key = s.phase == Automaton::kInKey;
    const bool names = key && item.lo < item.hi, texts = item.xlo < item.xhi;
    Filling own{f.start, f.most, std::vector<u32>(f.out.size(), 0), f.watched};
    if (!key || item.b != NONE) {
        const std::vector<u32> states = key ? shapes_.vector_states(item.b) : std::vector<u32>{item.a};
        auto after = [&](u64 label) {
            return key ? automaton_.after_unknown(s, item, label) : automaton_.after_value(s, item);
        };
        for (const RestRow::Group& g : rests_.string_row(states, s.decoder, node).groups) {
            const u32 to = after(g.rest->label);
            if (to == Automaton::kDead || !within(g.rest->text, to, f.most)) continue;
            add(own, g);
        }
        for (const LexemeRow::Exit& e : lexemes_.string_row(states, s.decoder, node).exits) {
            if (key && behind_key)
                try_each(own, e.node, true);
            else
                arrive(own, after(e.label), e.node, behind_key || key);
        }
    }
    // Those that begin as a name or an excluded text does are put right one by one.
    if (names || texts) {
        Names of{s, item, behind_key, NONE};
        if (key && s.depth == 0 && s.decoder.plain() && s.items.size() == 1 && independent(automaton_.shape_of(item))) {
            const u32 found = ending(id);
            if (found != kNone && f.watched == NONE) of.needed = endings_.needed(found);
        }
        compared(own, of, item, s.decoder, s.depth, node);
    }
    for (size_t w = 0; w < f.out.size(); ++w) f.out[w] |= own.out[w];
    if (own.watched != NONE && own.has(own.watched) && own.ending != kNone) {
        last_ = own.ending;
        note(f, f.watched);
    }
}

// Members that may be there or not, whatever else is.
bool SchemaCompletion::independent(const ObjectShape& shape) {
    return shape.existentials.empty() && shape.implications.empty() && shape.max == NONE && !shape.counts;
}

// Whether the key may go on as the name that the search would choose first. False, too, if that is no name.
bool SchemaCompletion::name_within(const Names& names, const Item& item, u32 depth, u32 most) {
    const ObjectShape& shape = automaton_.shape_of(item);
    if (!shape.existentials.empty()) return false;
    std::vector<Way> ways;
    name_ways(shape, item, automaton_.options_of(item), depth, 0, ways);
    if (ways.empty() || (item.b != NONE && ways[0].cost >= kUnknownCost)) return false;
    const u32 name = ways[0].name;
    constexpr u32 kSeams = 6;
    if (names.needed != NONE) {
        // Seldom less than a token for two characters; where it is, the search below decides.
        const u32 own = 2 * costs_.member(shape.names[name]) + static_cast<u32>(ways[0].text.size()) / 2 + kSeams;
        if (names.needed + own <= most) {
            last_ = kNone;  // not worked out
            return true;
        }
    }
    const u32 after = automaton_.after_name(names.s, names.item, name);
    return after != Automaton::kDead && within(ways[0].text, after, most);
}

// Tokens below a node that begin as a name or an excluded text does.
void SchemaCompletion::compared(Filling& f, const Names& names, Item item, const StringDecoder& decoder, u32 depth,
                                u32 node) {
    const auto phase = static_cast<Automaton::Phase>(names.s.phase);
    const bool key = phase == Automaton::kInKey;
    SuffixForest& forest = lexemes_.forest;
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        auto clear = [&](bool below) {
            forest.own(child, [&](u32 t) { f.clear(t); });
            if (f.watched != NONE && !f.has(f.watched)) f.ending = kNone;
            if (below) forest.below(child, [&](u32 t) { f.clear(t); });
        };
        if (r == StringDecoder::kQuote) {
            if (key && item.lo < item.hi && automaton_.shape_of(item).names[item.lo].text.size() == depth) {
                clear(true);
                const std::vector<u32>& options = automaton_.options_of(item).names;
                if (!std::binary_search(options.begin(), options.end(), item.lo)) return;
                arrive(f, automaton_.after_name(names.s, names.item, item.lo), child, names.behind_key);
            } else if (item.xlo < item.xhi &&
                       automaton_.texts().text(automaton_.text_set(names.s, item), item.xlo).size() == depth) {
                clear(true);
            }
            return;
        }
        if (r == StringDecoder::kCharacter || d.kind == StringDecoder::kUtf8) {
            u32 lo[2] = {c, 0}, hi[2] = {c, 0};
            if (r == StringDecoder::kMore) d.ranges(lo, hi);
            if (!automaton_.goes_on(phase, item, depth, lo[0], hi[0])) return;
        }
        Item next = item;
        u32 next_depth = depth;
        bool alive;
        if (r == StringDecoder::kCharacter) {
            alive = automaton_.read_character(phase, next, depth, c);
            next_depth = depth + 1;
        } else {
            alive = automaton_.item_alive(phase, item, depth, d);
        }
        clear(!alive);
        if (!alive) return;
        bool some = false, named = false;
        forest.own(child, [&](u32) { some = true; });
        if (some) {
            named = key && d.plain() && name_within(names, next, next_depth, f.most);
            forest.own(child, [&](u32 t) {
                if (named) {
                    f.set(t);
                    note(f, t);
                    return;
                }
                const std::string text(reinterpret_cast<const char*>(trie_.token_data(t)), trie_.token_size(t));
                const u32 at = walk(f.start, text);
                if (at != Automaton::kDead && within("", at, f.most)) {
                    f.set(t);
                    note(f, t);
                }
            });
        }
        if (!forest.leaf(child)) compared(f, names, next, d, next_depth, child);
    });
}

bool SchemaCompletion::find_after(u32 state, u32 token, u32 most, std::vector<u32>& tokens) {
    bound();
    Filling f{state, most, std::vector<u32>(trie_.words(), 0), token};
    visit(f, state, 0, false);
    if (!f.has(token) || f.ending == kNone) return false;
    tokens = endings_.tokens(f.ending);
    return true;
}

void SchemaCompletion::fill(u32 state, u32 most, u32* out) {
    bound();
    Filling f{state, most, std::vector<u32>(trie_.words(), 0)};
    visit(f, state, 0, false);
    std::memcpy(out, f.out.data(), f.out.size() * 4);
}

}  // namespace gcd
