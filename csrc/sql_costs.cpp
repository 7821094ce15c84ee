#include "sql_costs.hpp"

#include <algorithm>

namespace gcd {

namespace {
u32 sum(u32 a, u32 b) {
    return std::min(a + b, SqlCosts::kNever);
}
u32& slot(std::vector<u32>& known, u32 id) {
    if (known.size() <= id) known.resize(id + 1, NONE);
    return known[id];
}
}  // namespace

SqlCosts::SqlCosts(const SqlProgram& program, SqlSyntax& syntax) : program_(program), syntax_(syntax) {
    rest_.assign(program.code.size(), kNever);
    for (bool better = true; better;) {
        better = false;
        for (u32 pc = static_cast<u32>(program.code.size()); pc-- > 0;) {
            const SqlInstruction& in = program.code[pc];
            u32 cost = in.op == SqlInstruction::kReturn ? 0 : kNever;
            for (u32 next : in.next) cost = std::min(cost, rest_[next]);
            if (in.op == SqlInstruction::kCall) cost = sum(cost, rest_[in.a]);
            if (in.op < SqlInstruction::kCall) cost = sum(cost, 1);
            if (cost >= rest_[pc]) continue;
            rest_[pc] = cost;
            better = true;
        }
    }
}

u32 SqlCosts::from(u32 pc, const SqlSyntax::Thread& t, u32 lexeme) {
    return sum(sum(rest_[pc], lexeme), sum(frames(t.frame), scopes(t.scope)));
}

u32 SqlCosts::of(u32 parse) {
    if (slot(parses_, parse) != NONE) return parses_[parse];
    const SqlSyntax::Parse& p = syntax_.parse(parse);
    u32 cost = p.accepts ? 0 : kNever;
    for (const SqlSyntax::Thread& t : p.threads) cost = std::min(cost, of(t));
    return parses_[parse] = cost;
}

// From the end of a frame's rule on. Frames stand in frames of less depth.
u32 SqlCosts::frames(u32 frame) {
    if (frame == 0) return 0;
    if (slot(frames_, frame) != NONE) return frames_[frame];
    const SqlSyntax::Frame& f = syntax_.frame(frame);
    const u32 cost = sum(rest_[f.ret], frames(f.parent));
    return slot(frames_, frame) = cost;
}

// What the queries around a place need besides what their syntax does.
u32 SqlCosts::scopes(u32 scope) {
    if (scope <= SqlScopes::kRoot) return 0;
    if (slot(scopes_, scope) != NONE) return scopes_[scope];
    const SqlScope& s = syntax_.scopes().get(scope);
    const u32 cost = sum(s.core ? core(s) : 0, scopes(s.parent));
    return slot(scopes_, scope) = cost;
}

u32 SqlCosts::core(const SqlScope& c) const {
    const SqlScopes& scopes = syntax_.scopes();
    u32 cost = 0;
    if (c.phase < 2) {
        const bool star = std::find_if(c.items.begin(), c.items.end(), [](u32 i) {
                              return i == SqlScopes::kStar || i >= SqlScopes::kStarOf;
                          }) != c.items.end();
        // A table for each qualifier, and an alias; else one table, as a rule. What the syntax asks for anyway (behind
        // FROM, behind a comma) is counted there.
        u32 tables = c.phase == 0 && star, named = 0;
        for (const SqlUse& u : c.uses)
            if (u.how < SqlUse::kFixed && !scopes.has(c, u.name)) tables = 1;
        for (const SqlQualified& q : c.qualified) named += SqlScopes::waits(q);
        const bool undecided = !c.sources.empty() && c.sources.back().qualifier == SqlScopes::kUndecided;
        tables = std::max(tables, named - std::min(named, undecided ? 1u : 0u));
        if (c.phase == 1 && c.need) tables -= std::min(tables, 1u);
        cost += 2 * tables + named;
    }
    const u32 width = scopes.required(c), now = static_cast<u32>(c.items.size()) + c.in_item;
    if (c.phase != 2 && width > now) cost += 2 * (width - now);
    return cost;
}

}  // namespace gcd
