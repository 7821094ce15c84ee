#include "sql_token_rows.hpp"

namespace gcd {

namespace {

u64 pair(u32 a, u32 b) {
    return static_cast<u64>(a) << 32 | b;
}

void set_bit(std::vector<u32>& words, u32 token) {
    words[token / 32] |= 1u << (token % 32);
}

// The words of a token, folded.
std::vector<std::string> words_of(const u8* data, u32 n) {
    std::vector<std::string> words;
    bool inside = false;
    for (u32 i = 0; i < n; ++i) {
        if (!sql_word_byte(data[i])) {
            inside = false;
            continue;
        }
        if (!inside) words.emplace_back();
        words.back() += static_cast<char>(sql_fold(data[i]));
        inside = true;
    }
    return words;
}

// Whether a name in quotes can end in a token, and another one begin.
bool two_quoted(const u8* data, u32 n) {
    bool ended = false;
    for (u32 i = 0; i < n; ++i) {
        if (ended && sql_quote(data[i])) return true;
        ended = ended || data[i] == '"' || data[i] == '`' || data[i] == ']';
    }
    return false;
}

bool alike(const std::string& a, const std::string& b) {
    const size_t n = std::min(a.size(), b.size());
    return a.compare(0, n, b, 0, n) == 0;
}

}  // namespace

void SqlTokenRows::pack(TokenPiece& piece) {
    piece.pack(scratch_);
    bytes_ += piece.bytes() + 100;
}

const SpaceRow& SqlTokenRows::space(u32 node) {
    std::unique_ptr<SpaceRow>& slot = spaces_[node];
    if (slot) return *slot;
    auto row = std::make_unique<SpaceRow>();
    std::vector<u32> bases, todo{node};
    while (!todo.empty()) {
        const u32 at = todo.back();
        todo.pop_back();
        if (at != node) forest.own(at, [&](u32 t) { row->inside.ids.push_back(t); });
        forest.each_base(at, [&](u32 b) {
            if (!forest.leaf(b)) bases.push_back(b);
        });
        forest.children(at, [&](u8 byte, u32 child) {
            if (sql_space(byte)) todo.push_back(child);
        });
    }
    std::sort(row->inside.ids.begin(), row->inside.ids.end());
    row->node = bases.empty() ? NONE : forest.merge(std::move(bases));
    bytes_ += 100 + row->inside.bytes();
    return *(spaces_[node] = std::move(row));
}

const SqlTokenRows::Front& SqlTokenRows::front(u32 node, SqlSkip skip) {
    std::unique_ptr<Front>& slot = fronts_[pair(node, skip.key())];
    if (slot) return *slot;
    slot = std::make_unique<Front>();
    std::vector<u32> spaces;
    forest.children(node, [&](u8 byte, u32 child) {
        if (skip.skips(operators_, byte)) return;
        if (sql_space(byte)) {
            // without a lexeme in front of it, white space is no matter of fronts (see `space`)
            if (skip.kind != SqlSkip::kNone) forest.each_base(child, [&](u32 b) { spaces.push_back(b); });
        } else if (sql_word_start(byte)) {
            slot->words = true;
        } else if (sql_digit(byte)) {
            slot->numbers = true;
        } else if (sql_quote(byte) || byte == '\'' || SqlParameter::begins(byte) || operators_.first(byte) != NONE) {
            slot->others.emplace_back(byte, child);
        }
    });
    if (!spaces.empty()) slot->spaces = forest.merge(std::move(spaces));
    bytes_ += 200 + slot->others.size() * 8;
    return *slot;
}

void SqlTokenRows::walk_invented(Invented& row, u32 node, u8 quote, bool begins) {
    bool ends = false;
    forest.children(node, [&](u8 byte, u32 child) {
        if (quote && byte == quote) {
            // The name's end, but for two of them in a row.
            if (!begins) forest.each_base(child, [&](u32 b) { row.exits.push_back(b); });
            if (quote == ']') return;
            forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
            const u32 second = forest.child(child, quote);
            if (second == NONE) return;
            forest.own(second, [&](u32 t) { set_bit(scratch_, t); });
            walk_invented(row, second, quote, false);
            return;
        }
        if (quote ? !sql_printable(byte) : !sql_plain_byte(byte) || (begins && !sql_word_start(byte))) {
            ends = ends || (!quote && !sql_word_byte(byte));
            return;
        }
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        if (!forest.leaf(child)) walk_invented(row, child, quote, false);
    });
    if (ends && !begins) forest.each_base(node, [&](u32 b) { row.exits.push_back(b); });
}

const SqlTokenRows::Invented& SqlTokenRows::invented(u32 node, u8 quote, bool begins) {
    std::unique_ptr<Invented>& slot = invented_[pair(node, quote << 1 | (begins ? 1 : 0))];
    if (slot) return *slot;
    slot = std::make_unique<Invented>();
    scratch_.assign(trie_.words(), 0);
    walk_invented(*slot, node, quote, begins);
    pack(slot->inside);
    std::sort(slot->exits.begin(), slot->exits.end());
    slot->exits.erase(std::unique(slot->exits.begin(), slot->exits.end()), slot->exits.end());
    bytes_ += slot->exits.size() * 4;
    return *slot;
}

u32 SqlTokenRows::exits_without(const Invented& row, std::vector<u32> removed) {
    std::sort(removed.begin(), removed.end());
    removed.erase(std::unique(removed.begin(), removed.end()), removed.end());
    const auto [it, fresh] = without_.try_emplace({&row, std::move(removed)}, NONE);
    if (!fresh) return it->second;
    std::vector<u32> left;
    std::set_difference(row.exits.begin(), row.exits.end(), it->first.second.begin(), it->first.second.end(),
                        std::back_inserter(left));
    bytes_ += 100 + (left.size() + it->first.second.size()) * 4;
    if (!left.empty()) it->second = forest.merge(std::move(left));
    return it->second;
}

void SqlTokenRows::walk_numbers(Numbers& row, const SqlNumber& number, u32 node) {
    bool ends = false;
    forest.children(node, [&](u8 byte, u32 child) {
        SqlNumber next = number;
        if (next.step(byte)) {
            forest.own(child, [&](u32 t) {
                row.inside.ids.push_back(t);
                if (next.form == SqlNumber::kInt) row.integers.ids.push_back(t);
            });
            if (!forest.leaf(child)) walk_numbers(row, next, child);
        } else {
            ends = ends || (number.accepting() && !sql_word_byte(byte) && byte != '.');
        }
    });
    if (ends) row.exits.push_back({number, node});
}

const SqlTokenRows::Numbers& SqlTokenRows::numbers(const SqlNumber& number, u32 node) {
    std::unique_ptr<Numbers>& slot = numbers_[pair(number.form << 16 | number.value, node)];
    if (slot) return *slot;
    slot = std::make_unique<Numbers>();
    walk_numbers(*slot, number, node);
    for (TokenPiece* piece : {&slot->inside, &slot->integers}) {
        std::sort(piece->ids.begin(), piece->ids.end());
        bytes_ += piece->bytes();
    }
    bytes_ += 200 + slot->exits.size() * sizeof(Numbers::Exit);
    return *slot;
}

void SqlTokenRows::walk_comments(Comments& row, std::vector<u32>& exits, const SqlComment& comment, u32 node) {
    forest.children(node, [&](u8 byte, u32 child) {
        SqlComment next = comment;
        const SqlComment::Step step = next.step(byte);
        if (step == SqlComment::kEnd) forest.each_base(child, [&](u32 b) { exits.push_back(b); });
        if (step != SqlComment::kWithin) return;
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        if (!forest.leaf(child)) walk_comments(row, exits, next, child);
    });
}

const SqlTokenRows::Comments& SqlTokenRows::comments(const SqlComment& comment, u32 node) {
    std::unique_ptr<Comments>& slot = comments_[mix(pair(node, comment.form), comment.utf8)];
    if (slot) return *slot;
    slot = std::make_unique<Comments>();
    scratch_.assign(trie_.words(), 0);
    std::vector<u32> exits;
    walk_comments(*slot, exits, comment, node);
    pack(slot->inside);
    if (!exits.empty()) slot->exit = forest.merge(std::move(exits));
    return *slot;
}

void SqlTokenRows::walk_strings(Strings& row, std::vector<u32>& exits, u32 node, u32 utf8) {
    forest.children(node, [&](u8 byte, u32 child) {
        if (byte == 0) return;
        if (utf8 == 0 && byte == '\'') {
            forest.each_base(child, [&](u32 b) { exits.push_back(b); });
            const u32 second = forest.child(child, byte);
            if (second == NONE) return;
            forest.own(second, [&](u32 t) { set_bit(scratch_, t); });
            walk_strings(row, exits, second, 0);
            return;
        }
        const u32 next = sql_utf8(utf8, byte);
        if (next == NONE) return;
        forest.own(child, [&](u32 t) { set_bit(scratch_, t); });
        if (!forest.leaf(child)) walk_strings(row, exits, child, next);
    });
}

const SqlTokenRows::Strings& SqlTokenRows::strings(u32 node, u32 utf8) {
    std::unique_ptr<Strings>& slot = strings_[pair(node, utf8)];
    if (slot) return *slot;
    slot = std::make_unique<Strings>();
    scratch_.assign(trie_.words(), 0);
    std::vector<u32> exits;
    walk_strings(*slot, exits, node, utf8);
    pack(slot->inside);
    if (!exits.empty()) slot->exit = forest.merge(std::move(exits));
    return *slot;
}

u32 SqlTokenRows::longest_name(u8 quote) {
    if (quote) return trie_.max_token_bytes;
    if (longest_word_ != NONE) return longest_word_;
    longest_word_ = 0;
    for (u32 t = 0; t < trie_.n_tokens() && t < trie_.width; ++t)
        for (const std::string& word : words_of(trie_.token_data(t), trie_.token_size(t)))
            longest_word_ = std::max(longest_word_, static_cast<u32>(word.size()));
    return longest_word_;
}

void SqlTokenRows::look_for_repeating() {
    looked_ = true;
    later_.resize(256);
    for (u32 t = 0; t < trie_.n_tokens() && t < trie_.width; ++t) {
        const u8* data = trie_.token_data(t);
        const u32 n = trie_.token_size(t);
        if (two_quoted(data, n)) two_quoted_.push_back(t);
        const std::vector<std::string> words = words_of(data, n);
        if (words.size() < 2) continue;
        bool repeats = false;
        for (size_t i = 0; i < words.size(); ++i)
            for (size_t k = i + 1; k < words.size(); ++k) repeats = repeats || alike(words[i], words[k]);
        if (repeats) repeating_.push_back(t);
        if (!sql_word_byte(data[0])) continue;
        for (size_t k = 1; k < words.size(); ++k)
            later_[static_cast<u8>(words[k][0])].push_back({t, words[0], words[k]});
    }
}

void SqlTokenRows::repeating(const std::string& before, bool quoted, std::vector<u32>& tokens) {
    if (!looked_) look_for_repeating();
    tokens.insert(tokens.end(), repeating_.begin(), repeating_.end());
    if (quoted) tokens.insert(tokens.end(), two_quoted_.begin(), two_quoted_.end());
    if (before.empty()) return;
    for (const Words& w : later_[static_cast<u8>(before[0])])
        if (alike(before + w.first, w.later)) tokens.push_back(w.token);
}

}  // namespace gcd
