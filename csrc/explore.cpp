// Offline compilation: walking a grammar's readings so that the tables are full before the first text.
#include <chrono>
#include <deque>
#include <unordered_set>

#include "engine.hpp"

namespace gcd {

u64 Engine::explore(u32 max_masks, double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    // The nth reading of a shape (local sets, whatever the frames and the scope) waits in queue n, and lower queues go
    // first: otherwise the many states inside of lexemes and the many columns of a line would come before the grammar.
    std::vector<std::deque<Reading>> work;
    std::unordered_map<u64, u32> of_shape;
    std::unordered_set<u64> seen;
    auto add = [&](Reading r) {
        r.lexer = compiled.alike(r.lexer);  // of a count far from its bounds, on to where they come into sight
        if (!seen.insert(static_cast<u64>(r.syntax) << 32 | r.lexer).second || !parser.viable(r)) return;
        const u32 n = of_shape[masks.shape(r)]++;
        if (n >= work.size()) work.resize(n + 1);
        work[n].push_back(r);
    };
    for (u32 i = 0; i < parser.n_starts(); ++i)
        for (const Reading& r : parser.start(i)) add(r);
    u64 n = 0;
    Readings one(1), out;
    while (masks.n_masks() < max_masks) {
        if (std::chrono::duration<double>(Clock::now() - began).count() > seconds) break;
        u32 queue = 0;
        while (queue < work.size() && work[queue].empty()) ++queue;
        if (queue == work.size()) break;
        const Reading r = work[queue].front();
        work[queue].pop_front();
        ++n;
        const u64 before = masks.counters.summaries;
        masks.remember(r);
        // A reading whose mask was known already (its context looked the same from here) has nothing new behind it,
        // but for what lies deeper than the mask could see; texts find that out by themselves.
        if (masks.counters.summaries == before) continue;
        one[0] = r;
        for (u32 cls = 0; cls < compiled.lexer().n_classes(); ++cls) {
            out.clear();
            parser.advance(one, compiled.lexer().class_byte(cls), 0, out);
            for (const Reading& o : out) add(o);
        }
    }
    return n;
}

}  // namespace gcd
