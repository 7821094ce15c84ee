#include "schema_completion.hpp"

#include <algorithm>
#include <unordered_set>

namespace gcd {

using Automaton = SchemaAutomaton;

namespace {
constexpr size_t kMaxPieces = 1u << 20;  // of one ending
constexpr u32 kMaxVisited = 1u << 21;    // states looked at for one
constexpr size_t kMaxWays = 8;           // that the costs rank, of each item
constexpr u32 kFallback = SchemaCosts::kNever;
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

void SchemaCompletion::value_ways(u32 f, u32 outside, std::vector<Way>& out) {
    auto add = [&](u32 cost, std::string text) { out.push_back({SchemaCosts::sum(cost, outside), std::move(text)}); };
    const SchemaType types[] = {kNullType, kTrueType, kFalseType};
    for (u32 k = 0; k < 3; ++k)
        if (formulas_.allows(f, types[k])) add(1, kLiteral[k]);
    for (u32 c : formulas_.number_conditions(f)) {
        const Rest& rest = rests_.number_rest(lexemes_.numbers.start(c));
        if (rest.found) add(1 + static_cast<u32>(rest.text.size()) / 3, rest.text);
    }
    const u32 start = lexemes_.store.start(formulas_.string_expression(f));
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

void SchemaCompletion::key_ways(const State& s, const Item& item, std::vector<Way>& out) {
    if (!s.decoder.plain()) {  // within a character: as an unknown key, or byte by byte
        if (item.b != NONE) {
            const Rest& rest = rests_.string_rest(shapes_.vector_states(item.b), s.decoder);
            if (rest.found) out.push_back({0, rest.text});
        }
        for (u32 b = 0x80; b < 0xC0; ++b) out.push_back({kFallback, std::string(1, static_cast<char>(b))});
        return;
    }
    const ObjectShape& shape = automaton_.shape_of(item);
    const KeyOptions& options = automaton_.options_of(item);
    const u32 rest_of_frame = costs_.frame(item.a);
    std::vector<Way> found;
    for (u32 n : options.names) {
        if (n < item.lo || n >= item.hi) continue;
        const ObjectShape::Name& name = shape.names[n];
        std::string text;
        for (size_t i = s.depth; i < name.text.size(); ++i) text += json_character(name.text[i]);
        // A required one costs nothing beyond what the frame needs anyway.
        found.push_back({SchemaCosts::sum(name.required ? 0 : costs_.member(name), rest_of_frame), text + '"'});
    }
    std::sort(found.begin(), found.end());
    if (found.size() > kMaxWays) found.resize(kMaxWays);
    if (item.b != NONE) {
        const Rest& rest = rests_.string_rest(shapes_.vector_states(item.b), StringDecoder());
        if (rest.found) found.push_back({SchemaCosts::sum(8, rest_of_frame), rest.text});
    }
    out.insert(out.end(), found.begin(), found.end());
}

// Pieces of text that may come, best first.
std::vector<SchemaCompletion::Way> SchemaCompletion::ways(u32 id) {
    const State s = automaton_.state(id);
    std::vector<Way> out;
    switch (s.phase) {
        case Automaton::kValue:
            for (const Item& i : s.items) value_ways(i.a, outside(i), out);
            break;
        case Automaton::kArrayFirst:
            out.push_back({0, "]"});
            for (const Item& i : s.items) {
                std::vector<Entry> entries;
                const Automaton::Frame& f = automaton_.frame(i.a);
                shapes_.next_item(f.shape, f.progress, entries);
                for (const Entry& e : entries) value_ways(e.formula, costs_.frame(i.a), out);
            }
            break;
        case Automaton::kLiteral:
            out.push_back({0, kLiteral[s.literal] + s.literal_at});
            break;
        case Automaton::kString:
            for (const Item& i : s.items) {
                const Rest& rest = rests_.string_rest({i.a}, s.decoder);
                if (rest.found)
                    out.push_back({SchemaCosts::sum(static_cast<u32>(rest.text.size() + 3) / 4, outside(i)), rest.text});
            }
            break;
        case Automaton::kInKey:
            for (const Item& i : s.items) key_ways(s, i, out);
            break;
        case Automaton::kNumber:
            for (const Item& i : s.items) {
                const Rest& rest = rests_.number_rest(i.a);
                if (rest.found && !rest.text.empty())
                    out.push_back({SchemaCosts::sum(static_cast<u32>(rest.text.size() + 2) / 3, outside(i)), rest.text});
            }
            break;
        default:
            break;
    }
    std::stable_sort(out.begin(), out.end());
    // Brackets first: they are all that costs nothing. Behind a number they may come, too.
    if (s.phase == Automaton::kAfter || s.phase == Automaton::kNumber || s.phase == Automaton::kObjectFirst)
        out.insert(out.begin(), {{0, "}"}, {0, "]"}});
    for (char c : kSingles)
        if (c) out.push_back({kFallback, std::string(1, c)});
    out.erase(std::unique(out.begin(), out.end(), [](const Way& a, const Way& b) { return a.text == b.text; }), out.end());
    return out;
}

// As `Completion::tail`: as deep as documents nest, so the states on the way stand in a list of ours.
u32 SchemaCompletion::ending(u32 state) {
    struct Visit {
        u32 state;
        std::vector<Way> ways;
        size_t at = 0;
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
    if (known(state, ending)) return ending;
    take_up(state);
    while (!path.empty()) {
        Visit& v = path.back();
        ending = kNone;
        if (v.at < v.ways.size() && visited < kMaxVisited) {
            const u32 to = walk(v.state, v.ways[v.at].text);
            ++visited;
            if (to == Automaton::kDead || (busy.count(to) && !known(to, ending))) {
                ++v.at;
                continue;
            }
            if (!known(to, ending)) {
                if (path.size() > kMaxPieces) {
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
        busy.erase(v.state);
        known_.insert(v.state, ending);
        ++n_known_;
        path.pop_back();
    }
    return ending;
}

bool SchemaCompletion::find(u32 state, std::vector<u32>& tokens) {
    bound();
    const u32 found = ending(state);
    if (found == kNone || endings_.needed(found) == NONE) return false;
    tokens = endings_.tokens(found);
    return true;
}

// -- masks ------------------------------------------------------------------------------------

struct SchemaCompletion::Filling {
    u32 start, most;
    std::vector<u32> out;
    void set(u32 token) { out[token / 32] |= 1u << (token % 32); }
    void clear(u32 token) { out[token / 32] &= ~(1u << (token % 32)); }
};

bool SchemaCompletion::within(const std::string& text, u32 state, u32 most) {
    const u32 found = ending(state);
    return found != kNone && endings_.needed(endings_.prepend(text, found)) <= most;
}

// Tokens at or below a node, each followed from the start.
void SchemaCompletion::try_each(Filling& f, u32 node, bool own) {
    auto ask = [&](u32 t) {
        u32 at = f.start;
        for (u32 i = 0; i < trie_.token_size(t) && at != Automaton::kDead; ++i)
            at = automaton_.step(at, trie_.token_data(t)[i]);
        if (at != Automaton::kDead && within("", at, f.most)) f.set(t);
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
    if (some && within("", state, f.most)) lexemes_.forest.own(node, [&](u32 t) { f.set(t); });
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
                    for (u32 t : g.ids) f.set(t);
                    for (size_t w = 0; w < g.words.size(); ++w) f.out[w] |= g.words[w];
                }
                for (const LexemeRow::Exit& e : lexemes_.number_row(item.a, node).exits)
                    visit(f, after, e.node, behind_key);
            }
            return;
        default: {
            const bool any = program_.options.whitespace == 0;
            if (any) {
                const SpaceRow& space = lexemes_.space_row(node, s.gap);
                if (!space.ids.empty() && within("", id, f.most))
                    for (u32 t : space.ids) f.set(t);
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

void SchemaCompletion::string_item(Filling& f, u32 id, const Item& item, u32 node, bool behind_key) {
    const State s = automaton_.state(id);
    const bool key = s.phase == Automaton::kInKey;
    const bool names = key && item.lo < item.hi, texts = item.xlo < item.xhi;
    Filling own{f.start, f.most, std::vector<u32>(f.out.size(), 0)};
    if (!key || item.b != NONE) {
        const std::vector<u32> states = key ? shapes_.vector_states(item.b) : std::vector<u32>{item.a};
        auto after = [&](u64 label) {
            return key ? automaton_.after_unknown(s, item, label) : automaton_.after_value(s, item);
        };
        for (const RestRow::Group& g : rests_.string_row(states, s.decoder, node).groups) {
            const u32 to = after(g.rest->label);
            if (to == Automaton::kDead || !within(g.rest->text, to, f.most)) continue;
            for (u32 t : g.ids) own.set(t);
            for (size_t w = 0; w < g.words.size(); ++w) own.out[w] |= g.words[w];
        }
        for (const LexemeRow::Exit& e : lexemes_.string_row(states, s.decoder, node).exits) {
            if (key && behind_key)
                try_each(own, e.node, true);
            else
                arrive(own, after(e.label), e.node, behind_key || key);
        }
    }
    // Those that begin as a name or an excluded text does are put right one by one.
    if (names || texts) compared(own, s, item, s.decoder, s.depth, node);
    for (size_t w = 0; w < f.out.size(); ++w) f.out[w] |= own.out[w];
}

void SchemaCompletion::compared(Filling& f, const State& s, Item item, const StringDecoder& decoder, u32 depth,
                                u32 node) {
    const auto phase = static_cast<Automaton::Phase>(s.phase);
    SuffixForest& forest = lexemes_.forest;
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused) return;
        auto again = [&](bool below) {
            forest.own(child, [&](u32 t) { f.clear(t); });
            if (below) forest.below(child, [&](u32 t) { f.clear(t); });
            if (below) {
                try_each(f, child, true);
            } else {
                forest.own(child, [&](u32 t) {
                    const u32 at = walk(f.start, std::string(reinterpret_cast<const char*>(trie_.token_data(t)),
                                                             trie_.token_size(t)));
                    if (at != Automaton::kDead && within("", at, f.most)) f.set(t);
                });
            }
        };
        if (r == StringDecoder::kQuote) {
            const bool name = phase == Automaton::kInKey && item.lo < item.hi &&
                              automaton_.shape_of(item).names[item.lo].text.size() == depth;
            const bool text = item.xlo < item.xhi &&
                              automaton_.texts().text(automaton_.text_set(s, item), item.xlo).size() == depth;
            if (name || text) again(true);
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
        again(!alive);
        if (alive && !forest.leaf(child)) compared(f, s, next, d, next_depth, child);
    });
}

void SchemaCompletion::fill(u32 state, u32 most, u32* out) {
    bound();
    Filling f{state, most, std::vector<u32>(trie_.words(), 0)};
    visit(f, state, 0, false);
    std::memcpy(out, f.out.data(), f.out.size() * 4);
}

}  // namespace gcd
