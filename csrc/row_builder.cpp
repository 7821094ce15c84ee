#include "row_builder.hpp"

#include <algorithm>
#include <tuple>

namespace gcd {

u64 Rows::Fragment::bytes() const {
    u64 n = 200;
    for (const Tokens& x : tokens) n += sizeof(x) + x.ids.size() * 4 + x.ranges.size() * 8 + x.packed.size() * 8;
    for (const Exit& x : exits) n += sizeof(x) + x.nodes.size() * 4;
    for (const auto& p : packed) n += (p->index.size() + p->words.size()) * 4 + 64;
    return n;
}

std::shared_ptr<const Rows::Fragment> Rows::Fragments::get(u32 node, u32 state, bool wait, IdCollector& collector) {
    std::unique_lock<std::mutex> lock(mutex_);
    Slot& slot = slots_[pair_key(node, state)];  // slots stay where they are
    while (slot.taken && !slot.fragment) {
        if (!wait) return nullptr;
        ready_.wait(lock);
    }
    if (slot.packed || slot.taken) return slot.fragment;
    const std::shared_ptr<const Fragment> old = slot.fragment;
    std::shared_ptr<const Fragment> made;
    slot.taken = true;
    lock.unlock();
    auto settled = [&] {
        lock.lock();
        slot.taken = false;
        ready_.notify_all();
    };
    try {
        Builder b(rows_, collector);
        if (old) {
            b.pack(*old);
        } else {
            b.arrive(node, state);
            b.settle();
        }
        rows_.visited_ += b.visited;
        made = std::make_shared<const Fragment>(std::move(b.out));
    } catch (...) {
        settled();
        throw;
    }
    rows_.bytes_ += made->bytes() - (old ? old->bytes() : 0);
    settled();
    slot.fragment = made;
    slot.packed = old != nullptr;
    return made;
}

Rows::Fragment::Tokens& Rows::Builder::bucket(u32 live) {
    std::vector<Fragment::Tokens>& v = out.tokens;
    if (last_tokens < v.size() && v[last_tokens].live == live) return v[last_tokens];
    for (last_tokens = 0; last_tokens < v.size(); ++last_tokens)
        if (v[last_tokens].live == live) return v[last_tokens];
    v.push_back({live, {}, {}, {}});
    return v.back();
}

std::vector<u32>& Rows::Builder::exit(u32 symbol, u32 ctx, u32 column) {
    std::vector<Fragment::Exit>& v = out.exits;
    if (last_exit < v.size() && v[last_exit].is(symbol, ctx, column)) return v[last_exit].nodes;
    for (last_exit = 0; last_exit < v.size(); ++last_exit)
        if (v[last_exit].is(symbol, ctx, column)) return v[last_exit].nodes;
    v.push_back({symbol, ctx, column, {}});
    return v.back().nodes;
}

void Rows::Builder::enter(u32 n, u32 state) {
    if (n + 1 >= t.end[n]) return;
    const LexState& s = lx.state(state);
    u32 target = NONE;  // where a non-ASCII character leads, if whole subtrees below one can be taken
    if (t.kinds[n] & TokenTrie::kBoundary) {
        const Skip& skip = rows.skip_of(state);
        if (skip.usable && rows.loops(n, skip, state)) {
            bucket(c.live_set_id(state)).ranges.push_back({t.own_end(n), t.token_begin[t.end[n]]});
            return;
        }
        target = skip.utf8_target;
    }
    for (u32 i = 0; i < s.accepts.size(); ++i) {
        if (c.goes_on_below(n, s.accepts[i].ctx))
            exit(c.accept_symbol(state, i, n), s.accepts[i].ctx, s.accepts[i].column).push_back(n);
    }
    for (u32 k = n + 1; k < t.end[n]; k = t.end[k]) {
        const u32 cls = lx.byte_class[t.byte[k]];
        if (cls == NONE) continue;
        ++visited;
        if (target != NONE && t.byte[k] >= 0xC2 && t.byte[k] <= 0xF4) {
            const Skip& skip = rows.skip_of(target);
            if (skip.utf8_target == target && (t.end[k] == k + 1 || rows.loops(k, skip, target))) {
                bucket(c.live_set_id(target)).ranges.push_back({t.own_begin(k), t.token_begin[t.end[k]]});
                continue;
            }
        }
        lx.each(lx.step_class(state, cls), [&](u32 to) {
            if (t.end[k] - k < Fragments::kNodes) return arrive(k, to);
            if (const auto fragment = rows.fragments_->get(k, to, false, collector))
                add(*fragment);
            else
                others.emplace_back(k, to);
        });
    }
}

void Rows::Builder::arrive(u32 k, u32 state) {
    if (t.own_begin(k) < t.own_end(k)) {
        const u32 live = c.live_set_id(state);
        if (live != 0) {
            std::vector<u32>& v = bucket(live).ids;
            for (u32 i = t.own_begin(k); i < t.own_end(k); ++i) v.push_back(t.order[i]);
        }
    }
    enter(k, state);
}

void Rows::Builder::settle() {
    for (auto [node, state] : others) add(*rows.fragments_->get(node, state, true, collector));
    others.clear();
}

void Rows::Builder::add(const Fragment& f) {
    for (const Fragment::Tokens& x : f.tokens) {
        Fragment::Tokens& to = bucket(x.live);
        to.ids.insert(to.ids.end(), x.ids.begin(), x.ids.end());
        to.ranges.insert(to.ranges.end(), x.ranges.begin(), x.ranges.end());
        to.packed.insert(to.packed.end(), x.packed.begin(), x.packed.end());
    }
    for (const Fragment::Exit& x : f.exits) {
        std::vector<u32>& to = exit(x.symbol, x.ctx, x.column);
        to.insert(to.end(), x.nodes.begin(), x.nodes.end());
    }
}

void Rows::Builder::collect(const Fragment::Tokens& x) {
    if (x.size() > collector.n_words() / 4) collector.expect_many();
    for (u32 id : x.ids) collector.add(id);
    for (auto [a, b] : x.ranges)
        for (u32 i = a; i < b; ++i) collector.add(t.order[i]);
    for (const Fragment::Packed* p : x.packed) {
        if (p->index.empty()) {
            collector.add_words(p->words.data());
        } else {
            for (size_t i = 0; i < p->index.size(); ++i) collector.add_word(p->index[i], p->words[i]);
        }
    }
}

void Rows::Builder::pack(const Fragment& from) {
    out.exits = from.exits;
    for (const Fragment::Tokens& x : from.tokens) {
        if (x.size() < kPackedTokens) {
            out.tokens.push_back(x);
            continue;
        }
        collect(x);
        auto packed = std::make_unique<Fragment::Packed>();
        collector.each_word([&](u32 w, u32 bits) {
            packed->index.push_back(w);
            packed->words.push_back(bits);
        });
        if (packed->index.size() > collector.n_words() / 2) {
            packed->index.clear();
            packed->words = collector.words();
        }
        packed->index.shrink_to_fit();
        packed->words.shrink_to_fit();
        collector.clear();
        out.tokens.push_back({x.live, {}, {}, {packed.get()}});
        out.packed.push_back(std::move(packed));
    }
}

Row Rows::Builder::finish(std::vector<std::vector<u32>>& contents) {
    Row row;
    std::sort(out.tokens.begin(), out.tokens.end(), [](const auto& a, const auto& b) { return a.live < b.live; });
    std::sort(out.exits.begin(), out.exits.end(), [](const auto& a, const auto& b) {
        return std::tie(a.symbol, a.ctx, a.column) < std::tie(b.symbol, b.ctx, b.column);
    });
    for (const Fragment::Tokens& x : out.tokens) {
        RowGroup g;
        g.live_set = x.live;
        collect(x);
        const u32 count = collector.count();
        if (count > t.words()) {
            contents.push_back(collector.words());
            collector.clear();
            g.tokens.words = View<u32>(contents.back());
        } else {
            contents.emplace_back(count);
            collector.take(contents.back().data());
            g.tokens.ids = View<u32>(contents.back());
        }
        bits_or(row.symbols, c.live_set(x.live));
        row.groups.push_back(g);
    }
    for (Fragment::Exit& x : out.exits) {
        std::sort(x.nodes.begin(), x.nodes.end());
        x.nodes.erase(std::unique(x.nodes.begin(), x.nodes.end()), x.nodes.end());
        bits_set(row.symbols, x.symbol);
    }
    return row;
}

}  // namespace gcd
