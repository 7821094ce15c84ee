// Summaries in an artefact. Local sets, token sets, points, returns and rows keep their numbers; scopes are written
// out.
#include "summaries.hpp"

#include <algorithm>

namespace gcd {

u32 Summaries::Table::checksum(u64 key, u32 scope, const Summary& s) {
    u64 h = mix(mix(key, scope), s.tokens);
    for (const Exit& e : s.exits) h = mix(mix(h, e.ret), e.scope);
    return static_cast<u32>(h);
}

void Summaries::Table::take_all_saved() {
    for (size_t i = 0; i < saved_.keys.size(); ++i)
        find(static_cast<u32>(saved_.keys[i] >> 32), static_cast<u32>(saved_.keys[i]), saved_.scopes[i] - 1,
             saved_.scopes[i] - 1);
}

void Summaries::Table::save(Writer& w) {
    take_all_saved();  // also those that no text has asked for
    struct Entry {
        u64 key;
        u32 scope;
        const Summary* summary;
    };
    std::vector<Entry> all;
    all_.each([&](u64 key, u32 id) {
        if (!(id & kScoped)) all.push_back({key, 0, &summaries_[id]});
    });
    scoped_.each(
        [&](u64 key, u32 id) { all.push_back({scoped_keys_[key >> 32], static_cast<u32>(key) + 1, &summaries_[id]}); });
    std::sort(all.begin(), all.end(),
              [](const Entry& a, const Entry& b) { return a.key != b.key ? a.key < b.key : a.scope < b.scope; });
    std::vector<u64> keys;
    std::vector<u32> scopes, tokens, exit_start{0}, exits, sums;
    for (const Entry& e : all) {
        keys.push_back(e.key);
        scopes.push_back(e.scope);
        tokens.push_back(e.summary->tokens);
        for (const Exit& x : e.summary->exits) exits.insert(exits.end(), {x.ret, x.scope});
        exit_start.push_back(static_cast<u32>(exits.size() / 2));
        sums.push_back(checksum(e.key, e.scope, *e.summary));
    }
    w.array(keys);
    for (const std::vector<u32>* v : {&scopes, &tokens, &exit_start, &exits, &sums}) w.array(*v);
}

void Summaries::Table::restore(Reader& r) {
    saved_.keys = r.view<u64>();
    for (View<u32>* v : {&saved_.scopes, &saved_.tokens, &saved_.exit_start, &saved_.exits, &saved_.sums})
        *v = r.view<u32>();
    const size_t n = saved_.keys.size();
    Reader::check(saved_.scopes.size() == n && saved_.tokens.size() == n && saved_.exit_start.size() == n + 1 &&
                      saved_.sums.size() == n && saved_.exits.size() % 2 == 0,
                  "summary tables differ in length");
}

const Summaries::Summary* Summaries::Table::take_saved(u32 set, u32 key, u32 scope, u32 side) {
    const u64 k = pair_key(set, key);
    const u64* const first = saved_.keys.begin();
    const u64* at = std::lower_bound(first, saved_.keys.end(), k);
    if (at == saved_.keys.end() || *at != k) return nullptr;
    size_t i = static_cast<size_t>(at - first);
    if (saved_.scopes[i] != 0) {
        const size_t end = static_cast<size_t>(std::upper_bound(at, saved_.keys.end(), k) - first);
        const u32 *from = saved_.scopes.begin() + i, *to = saved_.scopes.begin() + end;
        const u32* s = std::lower_bound(from, to, scope + 1);
        if (s == to || *s != scope + 1) s = std::lower_bound(from, to, side + 1);
        if (s == to || (*s != scope + 1 && *s != side + 1)) return nullptr;
        i = static_cast<size_t>(s - saved_.scopes.begin());
    }
    auto check = Reader::check;
    const u32 from = saved_.exit_start[i], to = saved_.exit_start[i + 1];
    check(from <= to && to <= saved_.exits.size() / 2 && saved_.tokens[i] < bounds.sets, "a summary is out of bounds");
    Summary s;
    s.tokens = saved_.tokens[i];
    const u32 kept = saved_.scopes[i] - 1;
    s.needs = saved_.scopes[i] == 0 ? NOTHING : kept == INSIDE || kept == OUTSIDE ? IF_BRACKETS : SCOPE;
    for (u32 e = from; e < to; ++e) {
        const Exit x{saved_.exits[2 * e], saved_.exits[2 * e + 1]};
        check(x.ret < bounds.returns && (x.scope < bounds.scopes || x.scope == UNCHANGED), "an exit is out of bounds");
        s.exits.push_back(x);
    }
    check(checksum(k, saved_.scopes[i], s) == saved_.sums[i], "a summary is damaged");
    return &keep(set, key, scope, side, std::move(s));
}

void Summaries::save(Writer& w, Writer& tables, Writer& contents) {
    // What restrictions on the next terminal came together while texts were read has no number in another process.
    // Nor is a text that closes that many levels at once worth a place in a file.
    bool fits = !c_.positions().forbids_grew();
    for (const Point& p : points_) fits &= p.dedents <= kMaxDue;
    if (!fits) forget_all();
    std::vector<std::vector<u32>> scopes;
    if (const IndentedSyntax* indented = parser_.indented())
        for (u32 s = 0; s < indented->n_scopes(); ++s) scopes.push_back(indented->describe(s));
    write_lists(w, scopes);
    local_.save(w);
    std::vector<u32> points, returns;
    std::vector<u64> point_hashes, return_hashes;
    for (const Point& p : points_) {
        points.insert(points.end(), {p.nodes, p.ctx, p.indents, p.dedents, p.cls});
        point_hashes.push_back(p.hash());
    }
    for (const Return& r : returns_) {
        returns.insert(returns.end(), {r.point, r.lexset, r.forbid});
        return_hashes.push_back(r.hash());
    }
    w.array(points);
    w.array(returns);
    HashIndex::save(w, point_hashes);
    HashIndex::save(w, return_hashes);
    sets_.save(w, contents);
    rows_of_.save(tables);
    points_of_.save(tables);
}

void Summaries::restore(Reader& r, Reader& tables, Reader& contents) {
    auto check = Reader::check;
    const ListsView<u32> scopes(r);
    IndentedSyntax* indented = parser_.indented();
    check(indented || scopes.size() == 0, "there are scopes without indentation");
    for (u32 s = 0; s < scopes.size(); ++s) {
        check(!scopes[s].empty() && indented->scope_of(scopes.copy(s)) == s, "scopes are out of step");
    }
    local_.restore(r);
    const View<u32> points = r.view<u32>(), returns = r.view<u32>();
    check(points.size() % 5 == 0 && returns.size() % 3 == 0, "a point or a return is cut short");
    const u32 n_lexsets = c_.lexer().independent() ? 1 : static_cast<u32>(c_.lexer().lexsets().size());
    for (const u32* p = points.begin(); p != points.end(); p += 5) {
        check(p[0] < rows_.n_node_lists() && p[1] < c_.lexer().n_contexts() && p[4] < c_.n_classes() &&
                  (indented || !(p[2] || p[3])) && p[2] <= 1 && p[3] <= kMaxDue,
              "a point is out of bounds");
        points_.push_back({p[0], p[1], p[2], p[3], p[4]});
    }
    for (const u32* p = returns.begin(); p != returns.end(); p += 3) {
        check(p[0] < points_.size() && p[1] < n_lexsets && p[2] < c_.positions().cfg().forbids.size(),
              "a return is out of bounds");
        returns_.push_back({p[0], p[1], p[2]});
    }
    n_saved_points_ = points_.size();
    n_saved_returns_ = returns_.size();
    point_index_.restore(r, points_.size());
    return_index_.restore(r, returns_.size());
    sets_.restore(r, contents, c_.trie().width);
    for (Table* t : {&rows_of_, &points_of_}) {
        t->restore(tables);
        t->bounds = {sets_.size(), static_cast<u32>(returns_.size()), static_cast<u32>(scopes.size())};
    }
    r.done();
    tables.done();
}

}  // namespace gcd
