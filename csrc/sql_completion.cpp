#include "sql_completion.hpp"

#include "sql_date.hpp"

#include <algorithm>
#include <queue>

namespace gcd {

namespace {
constexpr u32 kMostLooked = 3000;   // lexemes tried for one ending
constexpr size_t kMostNames = 3;    // tried in one place
constexpr u32 kMostSearches = 100;  // for one mask
constexpr u32 kNoFrom = NONE;
constexpr size_t kLong = 8;  // bytes of a lexeme that may well take two tokens

// Costs leave things out, so what is near its end goes first.
u32 priority(u32 spent, u32 cost) {
    return spent + 2 * cost;
}

// Bytes that make a character whole, see sql_utf8.
std::string rest_of_character(u32 utf8) {
    std::string text;
    while (utf8 != 0) {
        text += static_cast<char>(utf8 >> 8 & 0xFF);
        utf8 = sql_utf8(utf8, static_cast<u8>(text.back()));
    }
    return text;
}

u64 pair(u32 a, u32 b) {
    return static_cast<u64>(a) << 32 | b;
}
}  // namespace

SqlCompletion::SqlCompletion(const SqlProgram& program, SqlAutomaton& automaton, const TokenTrie& trie, u64 max_bytes)
    : program_(program),
      automaton_(automaton),
      syntax_(automaton.syntax()),
      trie_(trie),
      max_bytes_(max_bytes),
      costs_(program, automaton.syntax()),
      endings_(trie) {}

void SqlCompletion::bound() {
    if (endings_.bytes() + 48 * n_known_ <= max_bytes_) return;
    known_.clear();
    tails_.clear();
    endings_.clear();
    n_known_ = 0;
}

// -- lexemes ----------------------------------------------------------------------------------

SqlCompletion::Glue SqlCompletion::glue_of(const std::string& text) const {
    const u8 last = static_cast<u8>(text.back());
    if (last == '\'' || last == '"' || last == '`' || last == ']') return kQuote;
    if (sql_word_byte(last) || last == '.') return last == '.' && text.size() == 1 ? kFree : kWordy;
    return last == '(' || last == ')' || last == ',' || last == ';' ? kFree : kSign;
}

// White space where two lexemes would be read as one, or as a comment.
std::string SqlCompletion::apart(Glue glue, const std::string& next) const {
    const u8 first = static_cast<u8>(next[0]);
    const bool word = sql_word_byte(first), quote = first == '\'' || first == '"' || first == '`' || first == '[';
    const bool mark =
        first == '(' || first == ')' || first == ',' || first == ';' || (first == '.' && next.size() == 1);
    switch (glue) {
        case kFree:
            return "";
        case kWordy:
            return word || quote || (first == '.' && next.size() > 1) ? " " : "";
        case kQuote:
            return quote ? " " : "";
        case kSign:
            return word || quote || mark ? "" : " ";
    }
    return " ";
}

bool SqlCompletion::step(SqlNumber& n, u8 byte) const {
    return program_.typed ? n.step_counted(byte) : n.step(byte);
}

u32 SqlCompletion::behind(u32 parse, const Lexeme& l) {
    switch (l.kind) {
        case Lexeme::kKeyword:
            return syntax_.end_word(parse, syntax_.texts().of(program_.words[l.id]));
        case Lexeme::kOperator:
            return syntax_.end_operator(parse, l.id);
        case Lexeme::kName:
            return l.quoted ? syntax_.end_quoted(parse, l.id) : syntax_.end_word(parse, l.id);
        case Lexeme::kLiteral:
            break;
    }
    const auto literal = static_cast<SqlLiteral>(l.id);
    if (literal == SqlLiteral::kString || literal == SqlLiteral::kDate)
        return syntax_.end_string(parse, literal == SqlLiteral::kDate);
    if (literal == SqlLiteral::kBlob) return syntax_.end_literal(parse, literal);
    SqlNumber n;
    for (char c : l.text) step(n, static_cast<u8>(c));
    return syntax_.end_number(parse, n);
}

// A name as it is written; false if it can't be.
bool SqlCompletion::spell(u32 name, SqlPlace place, bool may_quote, Lexeme& out) {
    const SqlNames& names = syntax_.scopes().names;
    const std::string& text = names.text(name);
    out.kind = Lexeme::kName;
    out.id = syntax_.texts().of(text);
    out.quoted = !names.bare(name, place);
    out.text = text;
    if (!out.quoted) return true;
    if (!may_quote || program_.quotes.empty()) return false;
    const char open = program_.quotes[0][0], close = open == '[' ? ']' : open;
    out.text = std::string(1, open);
    for (char c : text) {
        out.text += c;
        if (c == close) out.text += c;
    }
    out.text += close;
    return true;
}

// Tables, those first that have most of the names that wait for one.
void SqlCompletion::tables(const SqlSyntax::Thread& t, const SqlNameSet& set, std::vector<u32>& out) const {
    const SqlScope& c = syntax_.scopes().get(t.scope);
    std::vector<u32> waiting;
    for (const SqlUse& u : c.uses)
        if (u.how < SqlUse::kFixed && u.name < program_.names.size() && !syntax_.scopes().has(c, u.name))
            waiting.push_back(u.name);
    struct Choice {
        u32 missing, size, name;
        bool operator<(const Choice& o) const {
            return std::tie(missing, size, name) < std::tie(o.missing, o.size, o.name);
        }
    };
    std::vector<Choice> choices;
    bits_each(set.catalogue, [&](u32 name) {
        const auto named = program_.tables_named.find(name);
        if (named == program_.tables_named.end()) return;
        u32 missing = NONE;
        for (u32 table : named->second) {
            u32 here = 0;
            for (u32 use : waiting) here += !bits_get(program_.tables_of[use], table);
            for (const SqlQualified& q : c.qualified) {
                if (!SqlScopes::waits(q)) continue;
                for (u32 column : q.columns)
                    here += column >= program_.names.size() || !bits_get(program_.qualified_of[column], table);
            }
            missing = std::min(missing, here);
        }
        choices.push_back({missing, static_cast<u32>(program_.names[name].size()), name});
    });
    const size_t n = std::min(kMostNames, choices.size());
    std::partial_sort(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(n), choices.end());
    for (size_t i = 0; i < n; ++i) out.push_back(choices[i].name);
}

// Names to try for a thread that waits for one. In an expression a number will do.
void SqlCompletion::names(const SqlSyntax::Thread& t, SqlCategory category, std::vector<Lexeme>& out) {
    SqlScopes& scopes = syntax_.scopes();
    if (sql_is_operand(category)) return;
    const SqlNameSet& set = syntax_.name_set(t, category);
    std::vector<u32> found;
    if (category == SqlCategory::kTable || category == SqlCategory::kSchemaTable) {
        tables(t, set, found);
    } else {
        std::vector<u32> all;
        bits_each(set.catalogue, [&](u32 name) { all.push_back(name); });
        const size_t n = std::min(kMostNames, all.size());
        std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                          [&](u32 a, u32 b) { return program_.names[a].size() < program_.names[b].size(); });
        found.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
        if (category == SqlCategory::kQualifiedColumn)  // one that is in use already asks for nothing more
            for (const SqlQualified& q : scopes.get(t.scope).qualified)
                if (q.qualifier == t.reg) found.insert(found.begin(), q.columns.begin(), q.columns.end());
    }
    found.insert(found.end(), set.extra.begin(),
                 set.extra.begin() + static_cast<std::ptrdiff_t>(std::min(kMostNames, set.extra.size())));
    if (category == SqlCategory::kResultAlias || category == SqlCategory::kLabel)
        found = scopes.wanted(scopes.get(t.scope));
    for (u32 name : found) {
        Lexeme l{};
        if ((set.fresh || set.has(name, scopes.names.n_catalogue())) && spell(name, set.place, true, l))
            out.push_back(std::move(l));
    }
    if (!set.fresh) return;
    std::vector<u32> matter;
    scopes.matter(t.scope, category, matter);
    size_t made = 0;
    for (char c = 'a'; c <= 'z' && made < 2; ++c) {
        const std::string text(1, c);
        const u32 name = scopes.names.of(text);
        if (std::find(matter.begin(), matter.end(), name) != matter.end()) continue;
        ++made;
        out.push_back({Lexeme::kName, syntax_.texts().of(text), false, text});
    }
}

// -- the search -------------------------------------------------------------------------------

struct SqlCompletion::Search {
    std::vector<Node> nodes;
    struct Entry {
        u32 cost, node;
        bool operator<(const Entry& o) const { return cost != o.cost ? cost > o.cost : node < o.node; }
    };
    std::priority_queue<Entry> queue;
    std::unordered_map<u64, u32> seen;
    u32 looked = 0;
};

// What comes behind a parse state, one node for each lexeme.
void SqlCompletion::expand(Search& s, u32 at) {
    const u32 parse = s.nodes[at].piece.parse, spent = s.nodes[at].spent;
    struct Choice {
        u32 cost;
        Lexeme lexeme;
    };
    std::map<std::pair<u32, std::string>, Choice> choices;
    const SqlSyntax::Parse& p = syntax_.known(parse);
    auto add = [&](u32 cost, Lexeme l) {
        const auto key = std::make_pair(static_cast<u32>(l.kind) << 8 | (l.quoted ? 1 : 0), l.text);
        const auto it = choices.find(key);
        if (it == choices.end())
            choices.emplace(key, Choice{cost, std::move(l)});
        else
            it->second.cost = std::min(it->second.cost, cost);
    };
    for (const SqlSyntax::Thread& t : p.threads) {
        const SqlInstruction& in = program_.code[t.pc];
        const u32 cost = costs_.of(t) - 1;  // from behind the lexeme
        switch (in.op) {
            case SqlInstruction::kKeyword:
                add(cost, {Lexeme::kKeyword, in.a, false, program_.words[in.a]});
                break;
            case SqlInstruction::kOperator:
                add(cost, {Lexeme::kOperator, in.a, false, program_.operators[in.a]});
                break;
            case SqlInstruction::kLiteral: {
                const auto literal = static_cast<SqlLiteral>(in.a);
                if (literal != SqlLiteral::kParameter)
                    add(cost, {Lexeme::kLiteral, in.a, false,
                               literal == SqlLiteral::kString    ? "''"
                               : literal == SqlLiteral::kBlob    ? "x''"
                               : literal == SqlLiteral::kDate    ? "'2000-01-01'"
                               : literal == SqlLiteral::kLong    ? "1000000000"
                               : literal == SqlLiteral::kDecimal ? "1.0"
                                                                 : "1"});
                break;
            }
            case SqlInstruction::kName: {
                std::vector<Lexeme> found;
                names(t, static_cast<SqlCategory>(in.a), found);
                // What an alias explains is counted as if it were still to come.
                const bool alias = static_cast<SqlCategory>(in.a) == SqlCategory::kSourceAlias ||
                                   static_cast<SqlCategory>(in.a) == SqlCategory::kBareAlias;
                for (Lexeme& l : found) add(cost - (alias && cost), std::move(l));
                break;
            }
            default:
                break;
        }
    }
    std::vector<Choice*> shortest_last;  // of equal ones the search takes up the last first
    for (auto& [key, choice] : choices) shortest_last.push_back(&choice);
    std::stable_sort(shortest_last.begin(), shortest_last.end(),
                     [](const Choice* a, const Choice* b) { return a->lexeme.text.size() > b->lexeme.text.size(); });
    for (Choice* one : shortest_last) {
        Choice& choice = *one;
        Node n;
        n.from = at;
        n.spent = spent + 1 + (choice.lexeme.text.size() >= kLong);
        n.lexeme = std::move(choice.lexeme);
        s.nodes.push_back(std::move(n));
        s.queue.push({priority(s.nodes.back().spent, choice.cost), static_cast<u32>(s.nodes.size() - 1)});
    }
}

// Where a node's lexeme leads to.
void SqlCompletion::look(Search& s, u32 at) {
    Node& n = s.nodes[at];
    const Piece& before = s.nodes[n.from].piece;
    n.piece.parse = behind(before.parse, n.lexeme);
    n.piece.text = apart(before.glue, n.lexeme.text) + n.lexeme.text;
    n.piece.glue = glue_of(n.lexeme.text);
    n.looked = true;
    ++s.looked;
}

// The cheapest of the ways on from some places.
u32 SqlCompletion::search(const std::vector<Piece>& starts) {
    Search s;
    for (const Piece& p : starts) {
        Node n;
        n.piece = p;
        n.looked = true;
        n.spent = p.text.empty() ? 0 : 1;
        s.nodes.push_back(std::move(n));
        s.queue.push({priority(s.nodes.back().spent, costs_.of(p.parse)), static_cast<u32>(s.nodes.size() - 1)});
    }
    while (!s.queue.empty() && s.looked < kMostLooked) {
        const Search::Entry top = s.queue.top();
        s.queue.pop();
        if (!s.nodes[top.node].looked) {
            look(s, top.node);
            const Node& n = s.nodes[top.node];
            if (n.piece.parse == SqlSyntax::kDead) continue;
            const u32 cost = priority(n.spent, costs_.of(n.piece.parse));
            if (cost > top.cost) {
                s.queue.push({cost, top.node});
                continue;
            }
        }
        const Piece& piece = s.nodes[top.node].piece;
        u32 ending = tails_.find(pair(piece.parse, piece.glue));
        if (ending == NONE && syntax_.parse(piece.parse).accepts) ending = Endings::kEmpty;
        if (ending == kNone) continue;
        if (ending != NONE) {
            // Each place on the way has an ending now, too.
            for (u32 at = top.node; at != kNoFrom; at = s.nodes[at].from) {
                const Piece& p = s.nodes[at].piece;
                if (tails_.find(pair(p.parse, p.glue)) == NONE) {
                    tails_.insert(pair(p.parse, p.glue), ending);
                    ++n_known_;
                }
                ending = endings_.prepend(p.text, ending);
            }
            return ending;
        }
        if (!s.seen.emplace(pair(piece.parse, piece.glue), top.node).second) continue;
        expand(s, top.node);
    }
    return kNone;
}

// -- the lexeme at hand -----------------------------------------------------------------------

// A name or a word of which some is there.
void SqlCompletion::finish_name(const State& s, u8 quote, std::vector<Piece>& out) {
    const SqlSyntax::Parse& p = syntax_.named(s.parse);
    const SqlText& t = syntax_.text(s.a);
    SqlScopes& scopes = syntax_.scopes();
    const Glue glue = quote ? kQuote : kWordy;
    auto add = [&](const std::string& rest) {
        u32 text = s.a;
        std::string written;
        for (char c : rest) {
            text = syntax_.texts().extend(text, static_cast<u8>(c), true);
            written += c;
            if (quote && static_cast<u8>(c) == quote) written += c;
        }
        if (quote) written += static_cast<char>(quote);
        const u32 parse = quote ? syntax_.end_quoted(s.parse, text) : syntax_.end_word(s.parse, text);
        if (parse != SqlSyntax::kDead) out.push_back({written, parse, glue});
        return parse != SqlSyntax::kDead;
    };
    add("");
    std::vector<u32> found;
    for (const auto* sets : {&p.sets, &p.called})
        for (const SqlNameSet* set : *sets) {
            if (quote && sets == &p.called) continue;
            size_t n = 0;
            for (u32 name = t.lo; name < t.hi && n < 8 * kMostNames; ++name)
                if (bits_get(set->catalogue, name)) found.push_back(name), ++n;
            for (u32 name : set->extra)
                if (t.begins(scopes.names.text(name))) found.push_back(name);
        }
    std::sort(found.begin(), found.end(), [&](u32 a, u32 b) {
        const size_t x = scopes.names.text(a).size(), y = scopes.names.text(b).size();
        return x != y ? x < y : a < b;
    });
    found.erase(std::unique(found.begin(), found.end()), found.end());
    size_t n = 0;
    for (u32 name : found) {
        const std::string text = scopes.names.text(name);
        if (text.size() == t.text.size() || (!quote && !scopes.names.places(name))) continue;
        n += add(text.substr(t.text.size()));
        if (n == 2 * kMostNames) break;
    }
    if (!quote) {
        bits_each(p.keywords, [&](u32 word) {
            if (word >= t.klo && word < t.khi && program_.words[word].size() > t.text.size())
                add(program_.words[word].substr(t.text.size()));
        });
        const u32 blob =
            p.has(SqlLiteral::kBlob) && t.text == "x" ? syntax_.end_literal(s.parse, SqlLiteral::kBlob) : 0;
        if (blob != SqlSyntax::kDead) out.push_back({"''", blob, kQuote});
    }
    for (char c = 'a'; p.fresh && c <= 'c' && out.size() < kMostNames; ++c) add(std::string(1, c));
}

// Ways to finish what was read of a lexeme.
std::vector<SqlCompletion::Piece> SqlCompletion::finish(const State& s) {
    std::vector<Piece> out;
    auto add = [&](std::string text, u32 parse, Glue glue) {
        if (parse != SqlSyntax::kDead) out.push_back({std::move(text), parse, glue});
    };
    switch (s.kind) {
        case SqlAutomaton::kGap:
            add("", s.parse, kFree);
            break;
        case SqlAutomaton::kWord:
            finish_name(s, 0, out);
            break;
        case SqlAutomaton::kQuoted: {
            const u8 quote = static_cast<u8>(s.b);
            if (!(s.b & SqlAutomaton::kQuoteRead)) {
                finish_name(s, quote, out);
                break;
            }
            add("", syntax_.end_quoted(s.parse, s.a), kQuote);
            if (!out.empty() || quote == ']') break;
            const std::string again(1, static_cast<char>(quote));  // it was the first of two
            finish_name({s.parse, syntax_.texts().extend(s.a, quote), quote, SqlAutomaton::kQuoted}, quote, out);
            for (Piece& p : out) p.text = again + p.text;
            break;
        }
        case SqlAutomaton::kNumber: {
            const SqlNumber n{s.a, s.b};
            add("", syntax_.end_number(s.parse, n), kWordy);
            for (u8 digit = '0'; out.empty() && digit <= '9'; ++digit) {
                SqlNumber longer = n;
                if (step(longer, digit))
                    add(std::string(1, static_cast<char>(digit)), syntax_.end_number(s.parse, longer), kWordy);
            }
            // where an integer must be larger than any of four bytes
            for (SqlNumber longer = n; out.empty() && program_.typed && longer.digits() <= SqlNumber::kBigDigits;) {
                if (!step(longer, '0')) break;
                add(std::string(longer.digits() - n.digits(), '0'), syntax_.end_number(s.parse, longer), kWordy);
            }
            break;
        }
        case SqlAutomaton::kString: {
            if (s.b >> 8) {  // the rest of a date, and as a text
                std::string text;
                u32 read = s.b >> 8;
                const bool quoted = s.b & 1;
                if (!quoted) add("'", syntax_.end_string(s.parse, sql_date_ends(read)), kQuote);
                for (bool on = !quoted; on && !sql_date_ends(read);) {
                    on = false;
                    for (const char c : {'-', '0', '1', ':', ' '}) {
                        const u32 more = on ? 0 : sql_date_step(read, static_cast<u8>(c));
                        if (!more) continue;
                        read = more;
                        text += c;
                        on = true;
                    }
                }
                add(quoted ? "" : text + "'", syntax_.end_string(s.parse, sql_date_ends(read)), kQuote);
                break;
            }
            add(s.b ? "" : rest_of_character(s.a) + "'", syntax_.end_literal(s.parse, SqlLiteral::kString), kQuote);
            break;
        }
        case SqlAutomaton::kBlob:
            add(s.a ? "0'" : "'", syntax_.end_literal(s.parse, SqlLiteral::kBlob), kQuote);
            break;
        case SqlAutomaton::kComment: {
            const std::string rest = rest_of_character(s.b);
            const char* const end = s.a == SqlComment::kLine ? "\n" : s.a == SqlComment::kBlockStar ? "/" : "*/";
            add(rest + (rest.empty() || s.a == SqlComment::kLine ? end : "*/"), s.parse, kFree);
            break;
        }
        case SqlAutomaton::kParameter:
            add(SqlParameter(s.a, s.b).accepting() ? "" : "a", syntax_.end_literal(s.parse, SqlLiteral::kParameter),
                kWordy);
            break;
        case SqlAutomaton::kOperator:
            add("", syntax_.end_operator(s.parse, s.a), glue_of(program_.operators[s.a]));
            if (program_.signs.comments(s.a)) {
                const bool line = program_.signs.longer(s.a, '-') == SqlOperators::kComment;
                add(line ? "-\n" : "**/", s.parse, kFree);
            }
            for (size_t op = 0; op < program_.operators.size(); ++op) {
                const std::string &longer = program_.operators[op], &read = program_.operators[s.a];
                if (longer.size() > read.size() && longer.compare(0, read.size(), read) == 0)
                    add(longer.substr(read.size()), syntax_.end_operator(s.parse, static_cast<u32>(op)),
                        glue_of(longer));
            }
            break;
    }
    return out;
}

u32 SqlCompletion::ending(u32 state) {
    if (state == SqlAutomaton::kDead) return kNone;
    const u32 known = known_.find(state);
    if (known != NONE) return known;
    u32 found = kNone;
    if (automaton_.complete(state)) {
        found = Endings::kEmpty;
    } else {
        found = search(finish(automaton_.state(state)));
        if (found != kNone) {
            const std::string text = endings_.text(found);
            const u32 end = automaton_.walk(state, reinterpret_cast<const u8*>(text.data()), text.size());
            if (!automaton_.complete(end)) found = kNone;
        }
    }
    known_.insert(state, found);
    ++n_known_;
    return found;
}

u32 SqlCompletion::needed(u32 state) {
    const u32 found = ending(state);
    return found == kNone ? NONE : endings_.needed(found);
}

bool SqlCompletion::find(u32 state, std::vector<u32>& tokens) {
    bound();
    const u32 found = ending(state);
    if (found == kNone || endings_.needed(found) == NONE) return false;
    tokens = endings_.tokens(found);
    return true;
}

// -- masks ------------------------------------------------------------------------------------

struct SqlCompletion::Filling {
    u32 most;
    u32* out;
    u32 searches;  // that may still be made
    // By parse state: names that aren't like an invented one, and the state within one that is.
    struct Invented {
        std::vector<std::string> apart;
        u32 bare = NONE;
        std::map<u32, u32> quoted;  // by the quote
    };
    std::unordered_map<u32, Invented> invented;
};

// All that are like it stand for an invented name of which some is there; NONE: it is none.
u32 SqlCompletion::alike(Filling& f, u32 state) {
    const State s = automaton_.state(state);
    const bool quoted = s.kind == SqlAutomaton::kQuoted && !(s.b & SqlAutomaton::kQuoteRead);
    if (s.kind != SqlAutomaton::kWord && !quoted) return NONE;
    const SqlSyntax::Parse& p = syntax_.named(s.parse);
    const SqlText& t = syntax_.text(s.a);
    if (!p.fresh || !(quoted ? t.printable : t.plain) || t.lo < t.hi || t.klo < t.khi || t.text.empty()) return NONE;
    if (t.text == "x" && !quoted) return NONE;  // x'...'
    if (t.text.size() + trie_.max_token_bytes >= syntax_.texts().max_invented()) return NONE;
    const auto [it, missing] = f.invented.try_emplace(s.parse);
    Filling::Invented& i = it->second;
    if (missing) {
        std::vector<u32> apart;
        syntax_.matter(s.parse, apart);
        for (const SqlNameSet* set : p.sets) apart.insert(apart.end(), set->extra.begin(), set->extra.end());
        for (u32 name : apart) i.apart.push_back(syntax_.scopes().names.text(name));
    }
    for (const std::string& name : i.apart)
        if (t.begins(name)) return NONE;
    u32& one = quoted ? i.quoted.emplace(s.b, NONE).first->second : i.bare;
    if (one == NONE) one = state;
    return one;
}

void SqlCompletion::visit(Filling& f, u32 state, u32 node, u32 length) {
    const u32 name = alike(f, state);
    if (name != NONE) {
        length = std::max(length, static_cast<u32>(syntax_.text(automaton_.state(state).a).text.size()));
        state = name;
    } else {
        length = 0;
    }
    const State s = automaton_.state(state);
    for (u32 k = node + 1; k < trie_.end[node]; k = trie_.end[k]) {
        const u8 byte = trie_.byte[k];
        const bool within =
            name != NONE && (s.kind == SqlAutomaton::kWord ? sql_plain_byte(byte) : sql_printable(byte) && byte != s.b);
        const u32 to = within ? state : automaton_.step(state, byte);
        if (to == SqlAutomaton::kDead) continue;
        if (trie_.has_token(k)) {
            // One that stands for many is asked for more tokens than it needs: the ending may have to repeat the name.
            const u32 like = within ? state : alike(f, to), asked = like != NONE ? like : to;
            bool fits = false;
            const bool searched = known_.find(asked) == NONE;
            if (!searched || f.searches) {
                if (searched) --f.searches;
                const u32 n = needed(asked);
                const u32 read = within         ? length + 1
                                 : like != NONE ? static_cast<u32>(syntax_.text(automaton_.state(to).a).text.size())
                                                : 0;
                fits = n != NONE && n + read <= f.most;
            }
            for (u32 i = trie_.own_begin(k); fits && i < trie_.own_end(k); ++i) {
                const u32 token = trie_.order[i];
                f.out[token / 32] |= 1u << (token % 32);
            }
        }
        if (trie_.end[k] > k + 1) visit(f, to, k, length + 1);
    }
}

void SqlCompletion::fill(u32 state, u32 most, u32* out) {
    bound();
    Filling f{most, out, kMostSearches, {}};
    std::memset(out, 0, static_cast<size_t>(trie_.words()) * 4);
    visit(f, state, 0, 0);
}

}  // namespace gcd
