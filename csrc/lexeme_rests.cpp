#include "lexeme_rests.hpp"

#include <algorithm>
#include <set>

namespace gcd {

namespace {
constexpr u32 kMaxVisited = 20000;  // states looked at for one rest
constexpr u32 kMaxNumbers = 12;     // likewise, of numbers
constexpr u32 kMaxExponent = 20;
constexpr u32 kMaxDigits = 400;
constexpr char kNumberBytes[] = "0123456789.e-E+";

std::vector<u32> key_of(const std::vector<u32>& states, const StringDecoder& decoder, u64 what) {
    const u64 d = decoder.key();
    std::vector<u32> key{static_cast<u32>(what), static_cast<u32>(what >> 32), static_cast<u32>(d),
                         static_cast<u32>(d >> 32)};
    key.insert(key.end(), states.begin(), states.end());
    return key;
}
}  // namespace

std::string json_character(u32 c) {
    if (c == '"' || c == '\\') return {'\\', static_cast<char>(c)};
    std::string out;
    if (c < 0x20) {
        constexpr char kHex[] = "0123456789abcdef";
        out = "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    } else if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | c >> 12);
        out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | c >> 18);
        out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
        out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
    return out;
}

void LexemeRests::clear() {
    strings_.clear();
    numbers_.clear();
    rows_.clear();
    bytes_ = 0;
}

// Breadth first over the first expression's states. Of the characters, ASCII ones, and one of the others if some is
// wanted: the least that leads on.
Rest LexemeRests::find_string(const std::vector<u32>& states, u64 wanted) {
    Derivatives& store = lexemes_.store;
    struct Visit {
        std::vector<u32> states;  // the first expression's, and those of the wanted ones
        u32 from, c;
    };
    Visit begin{{states[0]}, NONE, 0};
    for (size_t i = 1; i < states.size(); ++i)
        if (wanted >> (i - 1) & 1) begin.states.push_back(states[i]);
    std::set<std::vector<u32>> seen{begin.states};
    std::vector<Visit> todo{std::move(begin)};
    auto accepted = [&](const std::vector<u32>& all) {
        return std::all_of(all.begin(), all.end(), [&](u32 s) { return store.accepts(s); });
    };
    u32 end = accepted(todo[0].states) ? 0 : NONE;
    auto add = [&](u32 from, u32 c) {
        std::vector<u32> to = todo[from].states;
        for (u32& s : to) {
            s = store.step(s, c);
            if (!store.alive(s)) return;
        }
        if (!seen.insert(to).second) return;
        todo.push_back({std::move(to), from, c});
        if (end == NONE && accepted(todo.back().states)) end = static_cast<u32>(todo.size()) - 1;
    };
    for (u32 i = 0; i < todo.size() && end == NONE && todo.size() < kMaxVisited; ++i) {
        for (u32 c = 'a'; c <= 'z' && end == NONE; ++c) add(i, c);
        for (u32 c = 0; c < 0x80 && end == NONE; ++c)
            if (c < 'a' || c > 'z') add(i, c);
        u32 lo = 0x80, hi = kMaxCodePoint;
        if (end != NONE || !store.alive_by(todo[i].states[0], lo, hi)) continue;
        while (lo < hi) {
            const u32 mid = lo + (hi - lo) / 2;
            if (store.alive_by(todo[i].states[0], lo, mid))
                hi = mid;
            else
                lo = mid + 1;
        }
        if (lo < 0xD800 || lo > 0xDFFF) add(i, lo);
    }
    Rest out;
    if (end == NONE) return out;
    out.found = true;
    CodePoints text;
    for (u32 i = end; todo[i].from != NONE; i = todo[i].from) text.push_back(todo[i].c);
    std::reverse(text.begin(), text.end());
    for (char32_t c : text) out.text += json_character(c);
    for (size_t i = 1; i < states.size(); ++i) {
        u32 s = states[i];
        for (char32_t c : text) s = store.step(s, c);
        if (store.accepts(s)) out.label |= 1ull << (i - 1);
    }
    out.text += '"';
    if (states.size() > 1 || wanted) return out;
    // The states on the way have the rests of this one.
    std::string rest = "\"";
    for (u32 i = end; todo[i].from != NONE; i = todo[i].from) {
        const auto [it, fresh] = strings_.try_emplace(key_of({todo[i].states[0]}, StringDecoder(), 0));
        if (fresh) {
            it->second.found = true;
            it->second.text = rest;
            bytes_ += rest.size() + 140;
        }
        rest = json_character(todo[i].c) + rest;
    }
    return out;
}

// Within a character: depth first over its bytes, at most eleven (a surrogate pair's escapes).
Rest LexemeRests::finish_character(const std::vector<u32>& states, const StringDecoder& decoder) {
    Derivatives& store = lexemes_.store;
    constexpr char kBytes[] = "\"\\/nbfrtu0123456789abcdefABCDEF";
    for (u32 k = 0; k < 30 + 64; ++k) {
        const u8 byte = k < 30 ? static_cast<u8>(kBytes[k]) : static_cast<u8>(0x80 + k - 30);
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused || r == StringDecoder::kQuote) continue;
        Rest rest;
        if (r == StringDecoder::kCharacter) {
            std::vector<u32> next = states;
            for (u32& s : next) s = store.step(s, c);
            if (!store.alive(next[0])) continue;
            rest = string_rest(next, StringDecoder());
        } else {
            if (!alive_within(store, states[0], d)) continue;
            rest = string_rest(states, d);
        }
        if (!rest.found) continue;
        rest.text.insert(rest.text.begin(), static_cast<char>(byte));
        return rest;
    }
    return {};
}

const Rest& LexemeRests::string_rest(const std::vector<u32>& states, const StringDecoder& decoder, u64 wanted) {
    std::vector<u32> key = key_of(states, decoder, wanted);
    const auto known = strings_.find(key);
    if (known != strings_.end()) return known->second;
    Rest rest = decoder.plain() ? find_string(states, wanted) : finish_character(states, decoder);
    bytes_ += rest.text.size() + key.size() * 4 + 120;
    return strings_.emplace(std::move(key), std::move(rest)).first->second;
}

// Each number is a state of its own, so few are looked at: an exponent (91 within [0, 90]: 91e-1), then what one or two
// more characters do, then the first digit that leads on, and its rest.
const Rest& LexemeRests::number_rest(u32 state, u32 depth) {
    const auto known = numbers_.find(state);
    if (known != numbers_.end()) return known->second;
    NumberLanguage& numbers = lexemes_.numbers;
    Rest rest;
    rest.found = numbers.accepts(state);
    auto step = [&](u32 at, char b) { return at == NumberLanguage::kDead ? at : numbers.step(at, static_cast<u8>(b)); };
    const u32 e = rest.found ? NumberLanguage::kDead : step(state, 'e');
    for (const char* sign : {"-", ""}) {
        const u32 from = *sign ? step(e, *sign) : e;
        for (u32 n = 1; n <= kMaxExponent && !rest.found && from != NumberLanguage::kDead; ++n) {
            const std::string digits = std::to_string(n);
            u32 at = from;
            for (char d : digits) at = step(at, d);
            rest.found = at != NumberLanguage::kDead && numbers.accepts(at);
            if (rest.found) rest.text = "e" + (sign + digits);
        }
    }
    std::vector<std::pair<u32, std::string>> todo{{state, ""}};
    for (u32 i = 0; i < todo.size() && i < kMaxNumbers && !rest.found; ++i)
        for (const char* b = kNumberBytes; *b && !rest.found; ++b) {
            const u32 to = step(todo[i].first, *b);
            if (to == NumberLanguage::kDead) continue;
            todo.emplace_back(to, todo[i].second + *b);
            rest.found = numbers.accepts(to);
            if (rest.found) rest.text = todo.back().second;
        }
    if (!rest.found && depth < kMaxDigits) {
        // A number's first digit had better not be 0: no more can come before the point.
        const NumberLanguage::Phase phase = numbers.phase(state);
        const bool begins = phase == NumberLanguage::kStart || phase == NumberLanguage::kMinus;
        const char* b = begins ? "1234567890-" : kNumberBytes;
        while (*b && step(state, *b) == NumberLanguage::kDead) ++b;
        if (*b) {
            const Rest& more = number_rest(step(state, *b), depth + 1);
            rest.found = more.found;
            rest.text = *b + more.text;
        }
    }
    bytes_ += rest.text.size() + 120;
    return numbers_.emplace(state, std::move(rest)).first->second;
}

// -- tokens -----------------------------------------------------------------------------------

struct LexemeRests::Tokens {
    std::map<const Rest*, std::vector<u32>> by_rest;
};

void LexemeRests::walk_string(Tokens& out, const std::vector<u32>& states, const StringDecoder& decoder, u32 node) {
    SuffixForest& forest = lexemes_.forest;
    Derivatives& store = lexemes_.store;
    std::vector<u32>* here = nullptr;  // tokens that end in these states
    forest.children(node, [&](u8 byte, u32 child) {
        StringDecoder d = decoder;
        u32 c = 0;
        const auto r = d.step(byte, c);
        if (r == StringDecoder::kRefused || r == StringDecoder::kQuote) return;
        std::vector<u32> next = states;
        if (r == StringDecoder::kCharacter) {
            for (u32& s : next) s = store.step(s, c);
            if (!store.alive(next[0])) return;
        } else {
            if (!alive_within(store, states[0], d)) return;
        }
        const bool loop = r == StringDecoder::kCharacter && next == states && decoder.plain();
        bool some = false;
        forest.own(child, [&](u32) { some = true; });
        if (some) {
            std::vector<u32>* to = loop ? here : nullptr;
            if (!to) {
                const Rest& rest = string_rest(next, d);
                if (rest.found) to = &out.by_rest[&rest];
            }
            if (loop) here = to;
            if (to) forest.own(child, [&](u32 t) { to->push_back(t); });
        }
        if (!forest.leaf(child)) walk_string(out, next, d, child);
    });
}

void LexemeRests::walk_number(Tokens& out, u32 state, u32 node) {
    lexemes_.forest.children(node, [&](u8 byte, u32 child) {
        const u32 next = lexemes_.numbers.step(state, byte);
        if (next == NumberLanguage::kDead) return;
        bool some = false;
        lexemes_.forest.own(child, [&](u32) { some = true; });
        if (some) {
            const Rest& rest = number_rest(next);
            if (rest.found) lexemes_.forest.own(child, [&](u32 t) { out.by_rest[&rest].push_back(t); });
        }
        walk_number(out, next, child);
    });
}

const RestRow& LexemeRests::keep(Tokens& tokens, const std::vector<u32>& key) {
    auto row = std::make_unique<RestRow>();
    // Rests that are written alike are one.
    std::map<std::pair<std::string, u64>, size_t> same;
    for (auto& [rest, ids] : tokens.by_rest) {
        const auto [it, fresh] = same.try_emplace({rest->text, rest->label}, row->groups.size());
        if (fresh) row->groups.push_back({rest, {}, {}});
        std::vector<u32>& all = row->groups[it->second].ids;
        all.insert(all.end(), ids.begin(), ids.end());
    }
    for (RestRow::Group& g : row->groups) {
        if (g.ids.size() > lexemes_.words()) {
            g.words.assign(lexemes_.words(), 0);
            for (u32 t : g.ids) g.words[t / 32] |= 1u << (t % 32);
            g.ids = {};
        }
        bytes_ += sizeof(g) + (g.ids.size() + g.words.size()) * 4;
    }
    bytes_ += 200 + key.size() * 4;
    return *(rows_[key] = std::move(row));
}

const RestRow& LexemeRests::string_row(const std::vector<u32>& states, const StringDecoder& decoder, u32 node) {
    std::vector<u32> key = key_of(states, decoder, node);
    const auto known = rows_.find(key);
    if (known != rows_.end()) return *known->second;
    Tokens tokens;
    walk_string(tokens, states, decoder, node);
    return keep(tokens, key);
}

const RestRow& LexemeRests::number_row(u32 state, u32 node) {
    const std::vector<u32> key{node, state};
    const auto known = rows_.find(key);
    if (known != rows_.end()) return *known->second;
    Tokens tokens;
    walk_number(tokens, state, node);
    return keep(tokens, key);
}

}  // namespace gcd
