#include "sql_masks.hpp"

namespace gcd {

// A mask in the making.
struct SqlMasks::Fill {
    TokenUnion tokens;
    // Nodes below which tokens are asked one by one: what they have behind a name depends on the name.
    std::vector<u32> doubtful;
    // Two names may be one in a token, of which the first was taken for any invented one; in quotes.
    bool repeats = false, quoted = false;
    void own(SuffixForest& forest, u32 node) {
        if (forest.n_bases(node) > 1)
            tokens.add(forest.own_piece(node));
        else
            forest.own(node, [&](u32 t) { tokens.ids.push_back(t); });
    }
};

const SqlMasks::Names& SqlMasks::names_of(u32 parse) {
    while (parse_names_.size() <= parse) parse_names_.emplace_back();
    Names& n = parse_names_[parse];
    if (n.known) return n;
    const SqlSyntax::Parse& p = syntax_.named(parse);
    const u32 n_catalogue = syntax_.scopes().names.n_catalogue();
    Bits quoted, bare;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets) {
            if (sets == &p.sets) bits_or(quoted, set->catalogue);
            n.extra.insert(n.extra.end(), set->extra.begin(), set->extra.end());
            const Bits& may = syntax_.bare(set->place);
            if (bare.size() < set->catalogue.size()) bare.resize(set->catalogue.size());
            for (size_t w = 0; w < set->catalogue.size() && w < may.size(); ++w) bare[w] |= set->catalogue[w] & may[w];
        }
    if (p.fresh) {
        std::vector<u32> matter;
        syntax_.matter(parse, matter);
        for (u32 name : matter) (name < n_catalogue ? n.matter : n.extra).push_back(name);
        std::sort(n.matter.begin(), n.matter.end());
    }
    std::sort(n.extra.begin(), n.extra.end());
    n.extra.erase(std::unique(n.extra.begin(), n.extra.end()), n.extra.end());
    Bits bracketed = quoted;
    for (size_t w = 0; w < bracketed.size(); ++w)
        bracketed[w] &= w < syntax_.bracketed().size() ? syntax_.bracketed()[w] : 0;
    n.bracketed = names_.set(std::move(bracketed));
    n.quoted = names_.set(std::move(quoted));
    n.bare = names_.set(std::move(bare));
    n.words = names_.set(p.keywords);
    n.known = true;
    return n;
}

// Adds the tokens below a node that may come from a state on.
void SqlMasks::collect(Fill& f, u32 id, u32 node, Borrowed borrowed) {
    if (id == SqlAutomaton::kDead || tokens_.forest.leaf(node)) return;
    const SqlAutomaton::State s = automaton_.state(id);
    switch (s.kind) {
        case SqlAutomaton::kGap:
            return gap(f, s.parse, node, borrowed);
        case SqlAutomaton::kWord:
            return spell(f, s.parse, s.a, node, 0, borrowed);
        case SqlAutomaton::kQuoted: {
            const u8 quote = static_cast<u8>(s.b);
            if (!(s.b & SqlAutomaton::kQuoteRead)) return spell(f, s.parse, s.a, node, quote, borrowed);
            const SqlSkip skip{SqlSkip::kQuote, quote};
            behind(f, syntax_.end_quoted(s.parse, s.a), node, skip, borrowed);
            const u32 second = tokens_.forest.child(node, quote);
            if (quote == ']' || second == NONE) return;
            const u32 text = syntax_.texts().extend(s.a, quote);
            if (!syntax_.quoted_alive(s.parse, text, quote)) return;
            f.own(tokens_.forest, second);
            return spell(f, s.parse, text, second, quote, borrowed);
        }
        case SqlAutomaton::kNumber:
            if (program_.typed) return bytewise(f, id, node, borrowed);
            return numbers(f, s.parse, {s.a, s.b}, node, borrowed);
        case SqlAutomaton::kString: {
            if (s.b >> 8) return bytewise(f, id, node, borrowed);
            if (!s.b) return string(f, s.parse, node, s.a, borrowed);
            behind(f, syntax_.end_literal(s.parse, SqlLiteral::kString), node, {SqlSkip::kQuote, '\''}, borrowed);
            const u32 second = tokens_.forest.child(node, '\'');
            if (second == NONE) return;
            f.own(tokens_.forest, second);
            return string(f, s.parse, second, 0, borrowed);
        }
        case SqlAutomaton::kBlob:
        case SqlAutomaton::kParameter:
            return bytewise(f, id, node, borrowed);
        case SqlAutomaton::kComment:
            return comment(f, s.parse, {s.a, s.b}, node, borrowed);
        case SqlAutomaton::kOperator:
            return operators(f, s.parse, s.a, node, borrowed);
    }
}

// Byte by byte: lexemes of which few tokens hold a part, and what no row is kept of.
void SqlMasks::bytewise(Fill& f, u32 id, u32 node, Borrowed borrowed) {
    tokens_.forest.children(node, [&](u8 byte, u32 child) { step(f, id, byte, child, borrowed); });
}

void SqlMasks::step(Fill& f, u32 id, u8 byte, u32 child, Borrowed borrowed) {
    const u32 to = automaton_.step(id, byte);
    if (to == SqlAutomaton::kDead) return;
    f.own(tokens_.forest, child);
    collect(f, to, child, borrowed);
}

// Between two lexemes.
void SqlMasks::gap(Fill& f, u32 parse, u32 node, Borrowed borrowed) {
    if (parse == SqlSyntax::kDead) return;
    const SpaceRow& space = tokens_.space(node);
    f.tokens.add(space.inside);
    if (space.node != NONE) begin(f, parse, space.node, {}, borrowed);
}

// Behind a lexeme that ended at a node.
void SqlMasks::behind(Fill& f, u32 parse, u32 node, SqlSkip skip, Borrowed borrowed) {
    if (parse == SqlSyntax::kDead) return;
    const u32 spaces = tokens_.front(node, skip).spaces;
    if (spaces != NONE) {
        f.own(tokens_.forest, spaces);
        gap(f, parse, spaces, borrowed);
    }
    begin(f, parse, node, skip, borrowed);
}

// A lexeme that begins at a node.
void SqlMasks::begin(Fill& f, u32 parse, u32 node, SqlSkip skip, Borrowed borrowed) {
    const SqlTokenRows::Front& front = tokens_.front(node, skip);
    if (front.words) spell(f, parse, SqlTexts::kEmpty, node, 0, borrowed);
    const SqlSyntax::Parse& p = syntax_.known(parse);
    if (front.numbers && p.literals && program_.typed)
        tokens_.forest.children(node, [&](u8 byte, u32 child) {
            if (sql_digit(byte) && !skip.skips(program_.signs, byte))
                step(f, automaton_.gap(parse), byte, child, borrowed);
        });
    else if (front.numbers && p.literals)
        numbers(f, parse, {}, node, borrowed);
    for (const auto& [byte, child] : front.others) {
        if (program_.quotes_name(byte)) {
            const u8 quote = sql_closing(byte);
            if (!p.names || !syntax_.quoted_alive(parse, SqlTexts::kEmpty, quote)) continue;
            f.own(tokens_.forest, child);
            spell(f, parse, SqlTexts::kEmpty, child, quote, borrowed);
        } else if (byte == '\'') {
            if (p.has(SqlLiteral::kDate)) {
                step(f, automaton_.gap(parse), byte, child, borrowed);
                continue;
            }
            if (!p.has(SqlLiteral::kString)) continue;
            f.own(tokens_.forest, child);
            string(f, parse, child, 0, borrowed);
        } else if (byte == '.' && program_.typed) {
            step(f, automaton_.gap(parse), byte, child, borrowed);
        } else {
            if (byte == '.' && !front.numbers && p.has(SqlLiteral::kNumber)) {
                f.own(tokens_.forest, child);
                numbers(f, parse, {SqlNumber::kPoint}, child, borrowed);
            }
            if (SqlParameter::begins(byte) && p.has(SqlLiteral::kParameter)) {
                f.own(tokens_.forest, child);
                bytewise(f, automaton_.parameter(parse, SqlParameter(byte)), child, borrowed);
                continue;
            }
            const u32 op = program_.signs.first(byte);
            if (op == NONE || !(program_.signs.alive(p.operators, op) || program_.signs.comments(op))) continue;
            f.own(tokens_.forest, child);
            operators(f, parse, op, child, borrowed);
        }
    }
}

// Words and names that go on with a text; in quotes, if `quote` is the closing one.
void SqlMasks::spell(Fill& f, u32 parse, u32 text, u32 node, u8 quote, Borrowed borrowed) {
    const SqlSyntax::Parse& p = syntax_.named(parse);
    SuffixForest& forest = tokens_.forest;
    if (borrowed != kExact && p.names) {
        f.repeats = true;
        f.quoted = f.quoted || quote;
        if (borrowed == kAlike) {
            if (quote)
                f.doubtful.push_back(node);
            else
                forest.children(node, [&](u8 byte, u32 child) {
                    if (sql_word_start(byte)) f.doubtful.push_back(child);
                });
            return;
        }
    }
    const Names& names = names_of(parse);
    const SqlText& t = syntax_.text(text);
    const bool fresh = p.fresh && (quote ? t.printable : t.plain);
    // A name may be too long somewhere in a token; and rows of names in quotes take capitals for small letters.
    const bool long_name = fresh && t.text.size() + tokens_.longest_name(quote) >= syntax_.texts().max_invented();
    if (long_name || (quote && program_.typed)) {
        const u32 state =
            text == SqlTexts::kEmpty && !quote ? automaton_.gap(parse) : automaton_.within_name(parse, text, quote);
        forest.children(node, [&](u8 byte, u32 child) {
            if (quote || text != SqlTexts::kEmpty || sql_word_start(byte)) step(f, state, byte, child, borrowed);
        });
        return;
    }
    const SqlNameRows::Row& row = names_.row(t, node, quote);
    f.tokens.add(names_.tokens(row, names.written(quote), quote ? names_.set({}) : names.words));
    if (fresh) f.tokens.add(tokens_.invented(node, quote, t.text.empty()).inside);
    if (!quote && p.has(SqlLiteral::kBlob)) blob(f, parse, text, node, borrowed);
    ends(f, parse, text, node, quote, borrowed, row);
}

// Names that end inside of tokens.
void SqlMasks::ends(Fill& f, u32 parse, u32 text, u32 node, u8 quote, Borrowed borrowed, const SqlNameRows::Row& row) {
    const SqlSyntax::Parse& p = syntax_.named(parse);
    const Names& names = names_of(parse);
    SuffixForest& forest = tokens_.forest;
    SqlTexts& texts = syntax_.texts();
    const u32 n_catalogue = syntax_.scopes().names.n_catalogue(), set = names.written(quote);
    const SqlSkip skip{quote ? SqlSkip::kQuote : SqlSkip::kWord, quote};
    const bool fresh = p.fresh && (quote ? texts[text].printable : texts[text].plain);
    std::vector<u32> apart;  // exits that aren't those of any invented name
    auto follow = [&](u32 to, u32 at, Borrowed how) {
        if (to == SqlSyntax::kDead) return;
        if (quote) f.own(forest, at);
        behind(f, to, at, skip, how);
    };
    auto end = [&](u32 one, u32 at) {
        follow(quote ? syntax_.end_quoted(parse, one) : syntax_.end_word(parse, one), at, borrowed);
    };
    // Names that move the same threads are followed by the same.
    struct Group {
        u32 first;
        std::vector<u32> exits;
    };
    std::map<u64, Group> groups;
    auto name_ends = [&](u32 name, const std::string& spelt, u32 at) {
        u64 others = 0;
        bool called = false;
        if (!syntax_.movers(parse, name, quote, others, called)) {
            end(texts.of(spelt), at);
            return;
        }
        if (called)
            forest.children(at, [&](u8 byte, u32 child) {
                if (byte != '(' && !sql_space(byte)) return;
                f.own(forest, child);
                forest.children(child, [&](u8, u32 below) { f.doubtful.push_back(below); });
            });
        if (!others) return;
        if (quote) f.own(forest, at);
        Group& g = groups.emplace(others, Group{texts.of(spelt), {}}).first->second;
        g.exits.push_back(at);
    };
    // What was read so far is known, and needs no names that are like it.
    const std::string typed = texts[text].text;
    if (!quote && !typed.empty()) {
        end(text, node);
        forest.each_base(node, [&](u32 b) { apart.push_back(b); });
    } else if (quote && !typed.empty()) {
        const u32 at = forest.child(node, quote);
        if (at != NONE) {
            end(text, at);
            forest.each_base(at, [&](u32 b) { apart.push_back(b); });
        }
    }
    auto is_typed = [&](const std::string& spelt) { return spelt.size() == typed.size(); };
    for (const SqlNameRows::Row::Exit& e : row.exits) {
        const std::string& spelt = e.name != NONE ? program_.names[e.name] : program_.words[e.word];
        if (is_typed(spelt)) continue;
        const bool word = e.word != NONE, keyword = word && names_.has(names.words, e.word);
        const bool some = e.name != NONE && names_.has(set, e.name);
        const bool matters = e.name != NONE && std::binary_search(names.matter.begin(), names.matter.end(), e.name);
        if (!some && !word && !matters) continue;
        if (fresh) forest.each_base(e.node, [&](u32 b) { apart.push_back(b); });
        if (keyword)
            end(texts.of(spelt), e.node);
        else if (some || (matters && fresh))
            name_ends(e.name, spelt, e.node);
        else if (fresh && syntax_.inventable(e.word, p.fresh_places))
            end(texts.of(spelt), e.node);
    }
    for (u32 name : names.extra) {
        const std::string spelt = syntax_.scopes().names.text(name);
        if (!texts[text].begins(spelt) || (!quote && !syntax_.scopes().names.places(name))) continue;
        if (quote == ']' && spelt.find(']') != std::string::npos) continue;
        std::vector<u32> inside, exits;
        names_.walk_one(spelt, typed.size(), node, quote, inside, exits);
        bool some = !quote && syntax_.viable_bare(p, name);
        for (const SqlNameSet* s : p.sets) some = some || (quote && s->has(name, n_catalogue));
        if (some) f.tokens.ids.insert(f.tokens.ids.end(), inside.begin(), inside.end());
        if (is_typed(spelt)) continue;
        for (u32 at : exits) {
            if (fresh) forest.each_base(at, [&](u32 b) { apart.push_back(b); });
            if (some || fresh) name_ends(name, spelt, at);
        }
    }
    for (auto& [others, g] : groups) {
        const u32 to = quote ? syntax_.end_quoted(parse, g.first) : syntax_.end_word(parse, g.first);
        std::vector<u32> bases;
        for (u32 at : g.exits) forest.each_base(at, [&](u32 b) { bases.push_back(b); });
        behind(f, to, forest.merge(std::move(bases)), skip, kAlike);
    }
    if (!fresh) return;
    const SqlTokenRows::Invented& any = tokens_.invented(node, quote, typed.empty());
    const u32 at = any.exits.empty() ? NONE : tokens_.exits_without(any, std::move(apart));
    if (at != NONE) follow(syntax_.end_invented(parse), at, borrowed == kExact ? kInvented : borrowed);
}

// x'...'
void SqlMasks::blob(Fill& f, u32 parse, u32 text, u32 node, Borrowed borrowed) {
    SuffixForest& forest = tokens_.forest;
    auto behind_x = [&](u32 at) {
        const u32 child = forest.child(at, '\'');
        if (child == NONE) return;
        f.own(forest, child);
        collect(f, automaton_.blob(parse), child, borrowed);
    };
    if (syntax_.text(text).text == "x") behind_x(node);
    if (text != SqlTexts::kEmpty) return;
    for (const u8 x : {u8{'x'}, u8{'X'}}) {
        const u32 child = forest.child(node, x);
        if (child == NONE) continue;
        f.own(forest, child);
        behind_x(child);
    }
}

void SqlMasks::numbers(Fill& f, u32 parse, const SqlNumber& number, u32 node, Borrowed borrowed) {
    const SqlSyntax::Parse& p = syntax_.known(parse);
    const bool any = p.has(SqlLiteral::kNumber), integers = p.has(SqlLiteral::kInteger);
    const SqlTokenRows::Numbers& row = tokens_.numbers(number, node);
    std::map<u32, std::vector<u32>> exits;  // by the parse state behind
    if (any || integers) {
        f.tokens.add(any ? row.inside : row.integers);
    } else if (p.has(SqlLiteral::kPosition)) {
        // Few positions can be numbered: those are looked at one by one.
        tokens_.forest.children(node, [&](u8 byte, u32 child) {
            SqlNumber next = number;
            if (!next.step(byte) || !syntax_.number_alive(parse, next)) return;
            f.own(tokens_.forest, child);
            numbers(f, parse, next, child, borrowed);
        });
        for (const auto& e : row.exits)
            if (e.node == node) exits[syntax_.end_number(parse, e.number)].push_back(node);
    } else {
        return;
    }
    // Without values, numbers differ by their forms only.
    u32 by_form[SqlNumber::kExponentDigits + 1];
    std::fill(std::begin(by_form), std::end(by_form), NONE);
    for (const auto& e : row.exits) {
        if (!any && !integers) break;
        if (p.values) {
            exits[syntax_.end_number(parse, e.number)].push_back(e.node);
            continue;
        }
        u32& to = by_form[e.number.form];
        if (to == NONE) to = syntax_.end_number(parse, e.number);
        exits[to].push_back(e.node);
    }
    for (auto& [to, nodes] : exits) {
        if (to == SqlSyntax::kDead) continue;
        std::vector<u32> bases;
        for (u32 at : nodes) tokens_.forest.each_base(at, [&](u32 b) { bases.push_back(b); });
        behind(f, to, tokens_.forest.merge(std::move(bases)), {SqlSkip::kNumber}, borrowed);
    }
}

void SqlMasks::string(Fill& f, u32 parse, u32 node, u32 utf8, Borrowed borrowed) {
    const SqlTokenRows::Strings& row = tokens_.strings(node, utf8);
    f.tokens.add(row.inside);
    if (row.exit == NONE) return;
    f.own(tokens_.forest, row.exit);
    behind(f, syntax_.end_literal(parse, SqlLiteral::kString), row.exit, {SqlSkip::kQuote, '\''}, borrowed);
}

void SqlMasks::comment(Fill& f, u32 parse, const SqlComment& comment, u32 node, Borrowed borrowed) {
    const SqlTokenRows::Comments& row = tokens_.comments(comment, node);
    f.tokens.add(row.inside);
    if (row.exit == NONE) return;
    f.own(tokens_.forest, row.exit);
    gap(f, parse, row.exit, borrowed);
}

// Behind the bytes of an operator, which may be those of a longer one.
void SqlMasks::operators(Fill& f, u32 parse, u32 op, u32 node, Borrowed borrowed) {
    const u64 some = syntax_.known(parse).operators;
    const SqlSkip skip{SqlSkip::kOperator, op};
    if ((some >> op & 1) && !tokens_.front(node, skip).none())
        behind(f, syntax_.end_operator(parse, op), node, skip, borrowed);
    for (const u8 byte : {u8{'-'}, u8{'*'}}) {
        const u32 child =
            program_.signs.longer(op, byte) == SqlOperators::kComment ? tokens_.forest.child(node, byte) : u32(NONE);
        if (child == NONE) continue;
        f.own(tokens_.forest, child);
        comment(f, parse, {byte == '-' ? SqlComment::kLine : SqlComment::kBlock, 0}, child, borrowed);
    }
    for (const u8 byte : {u8{'|'}, u8{'<'}, u8{'>'}, u8{'='}, u8{':'}}) {
        const u32 longer = program_.signs.longer(op, byte);
        if (longer >= SqlOperators::kGlued || !program_.signs.alive(some, longer)) continue;
        const u32 child = tokens_.forest.child(node, byte);
        if (child == NONE) continue;
        f.own(tokens_.forest, child);
        operators(f, parse, longer, child, borrowed);
    }
}

// Tokens of which the rows don't know.
void SqlMasks::ask(Fill& f, u32 state) {
    const TokenTrie& trie = tokens_.trie();
    auto alive = [&](u32 t) {
        return automaton_.walk(state, trie.token_data(t), trie.token_size(t)) != SqlAutomaton::kDead;
    };
    auto add = [&](u32 t) {
        if (alive(t)) f.tokens.ids.push_back(t);
    };
    for (u32 node : f.doubtful) {
        tokens_.forest.own(node, add);
        tokens_.forest.below(node, add);
    }
    if (!f.repeats) return;
    const SqlAutomaton::State s = automaton_.state(state);
    const bool name = s.kind == SqlAutomaton::kWord || s.kind == SqlAutomaton::kQuoted;
    std::vector<u32> tokens, dead;
    tokens_.repeating(name ? syntax_.text(s.a).text : "", f.quoted || s.kind == SqlAutomaton::kQuoted, tokens);
    for (u32 t : tokens) {
        if (alive(t))
            f.tokens.ids.push_back(t);
        else
            dead.push_back(t);
    }
    if (!dead.empty()) f.tokens.remove(dead);
}

TokenUnion SqlMasks::mask(u32 state) {
    Fill f;
    collect(f, state, 0, kExact);
    ask(f, state);
    if (automaton_.complete(state))
        for (u32 e : eos_)
            if (e < tokens_.trie().width) f.tokens.ids.push_back(e);
    return std::move(f.tokens);
}

}  // namespace gcd
