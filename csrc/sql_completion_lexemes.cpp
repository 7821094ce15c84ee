// Lexemes that an ending may be made of: which are tried, how they are written, what is behind them.
#include "sql_completion.hpp"

#include <algorithm>

namespace gcd {

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

}  // namespace gcd
