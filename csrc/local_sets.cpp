#include "local_sets.hpp"

#include <algorithm>

namespace gcd {

namespace {
std::vector<u32> flat(const LocalSet& s, bool independent) {
    std::vector<u32> out{s.nonterminal, s.entry, independent ? 0 : s.lex_id};
    for (const LocalItem& i : s.items) out.insert(out.end(), {i.position, i.forbid});
    return out;
}
u64 hash_of(const u32* data, size_t n) {
    u64 h = 83;
    for (size_t i = 0; i < n; ++i) h = mix(h, data[i]);
    return h;
}
}  // namespace

u32 LocalSets::intern(u32 nonterminal, bool is_entry, u32 lex_id, std::vector<LocalItem>& items) {
    const bool independent = positions_.lexer.independent();
    if (independent || is_entry) lex_id = 0;  // it follows from the items; or is the caller's
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    u64 h = mix(mix(mix(83, nonterminal), is_entry), lex_id);
    for (const LocalItem& i : items) h = mix(mix(h, i.position), i.forbid);
    const u32 known = index_.find(h, [&](u32 id) {
        if (sets_[id]) {
            const LocalSet& s = *sets_[id];
            return s.nonterminal == nonterminal && s.entry == is_entry && (independent || s.lex_id == lex_id) &&
                   s.items == items;
        }
        const View<u32> saved = saved_[id];
        if (saved.size() != 3 + 2 * items.size() || saved[0] != nonterminal || saved[1] != is_entry ||
            saved[2] != lex_id)
            return false;
        for (size_t i = 0; i < items.size(); ++i)
            if (saved[3 + 2 * i] != items[i].position || saved[4 + 2 * i] != items[i].forbid) return false;
        return true;
    });
    if (known != NONE && sets_[known]) return known;
    if (known != NONE) {
        sets_[known] = make(known, nonterminal, is_entry, lex_id, items);
        return known;
    }
    auto made = make(NONE, nonterminal, is_entry, lex_id, items);
    const u32 id = size();
    sets_.push_back(std::move(made));
    index_.add(h, id);
    return id;
}

std::unique_ptr<const LocalSet> LocalSets::make(u32 id, u32 nonterminal, bool is_entry, u32 lex_id,
                                                std::vector<LocalItem> items) {
    const bool independent = positions_.lexer.independent();
    auto s = std::make_unique<LocalSet>();
    s->nonterminal = nonterminal;
    s->entry = is_entry;
    const u32 ignored = positions_.alphabet.n_terminals * positions_.alphabet.n_classes;
    std::vector<std::vector<LocalItem>> callers;  // beside `calls`
    std::vector<LocalItem> own;
    for (const LocalItem& i : items) {
        const Bits& viable = positions_.viable(i.position, i.forbid, lex_id);
        const bool calls = i.position != Positions::ACCEPT && !positions_.at_terminal(i.position);
        bits_each(viable, [&](u32 symbol) {
            if (is_entry && symbol >= ignored) return;
            bits_set(s->all, symbol);
            if (!calls || symbol >= ignored) bits_set(s->own, symbol);
        });
        if (!calls) {
            own.push_back(i);
            continue;
        }
        const LocalSet::Call call{positions_.nonterminal(i.position), i.forbid, 0};
        size_t c = 0;
        while (c < s->calls.size() &&
               (s->calls[c].nonterminal != call.nonterminal || s->calls[c].forbid != call.forbid))
            ++c;
        if (c == s->calls.size()) {
            s->calls.push_back(call);
            callers.emplace_back();
        }
        callers[c].push_back(i);
    }
    bytes_ += sizeof(LocalSet) + items.size() * 8 + s->own.size() * 16 + s->calls.size() * 12 + 64;
    s->lex_id = independent ? positions_.own_set(s->all) : lex_id;
    for (LocalSet::Call& c : s->calls) c.entry = entry(c.nonterminal, c.forbid);
    if (independent && !is_entry && s->calls.size() + (own.empty() ? 0 : 1) > 1) {
        if (!own.empty()) s->parts.push_back(intern(nonterminal, false, 0, own));
        for (std::vector<LocalItem>& c : callers) s->parts.push_back(intern(nonterminal, false, 0, c));
    }
    if (s->parts.empty()) s->parts.push_back(id == NONE ? size() : id);
    s->items = std::move(items);
    return s;
}

u32 LocalSets::entry(u32 nonterminal, u32 forbid) {
    auto known = entries_.find(pair_key(nonterminal, forbid));
    if (known != entries_.end()) return known->second;
    std::vector<LocalItem> items;
    for (const Positions::Entry& e : positions_.entries(nonterminal)) items.push_back({e.position - 1, forbid});
    const u32 id = intern(nonterminal, true, 0, items);
    entries_.emplace(pair_key(nonterminal, forbid), id);
    return id;
}

// SyntaxAutomaton::after, with the frame's end instead of what follows it.
void LocalSets::after(u32 position, u32 forbid, u32 nonterminal, std::vector<LocalItem>& out, LocalStep& step) {
    const u32 f = positions_.forbid_union(forbid, positions_.forbid(position));
    if (nonterminal == NONE) {
        out.push_back({Positions::ACCEPT, f});
    } else if (!positions_.at_end(position)) {
        out.push_back({position, f});
    } else {
        const Positions::LeftCorner& lc = positions_.left_corner(nonterminal, positions_.lhs(position));
        for (const auto& o : lc.out) out.push_back({o.position, positions_.forbid_union(f, o.forbid)});
        for (u32 r : lc.returns) step.returns.push_back(positions_.forbid_union(f, r));
    }
}

void LocalSets::finish(LocalStep& step, u32 nonterminal, std::vector<LocalItem> items) {
    std::sort(step.returns.begin(), step.returns.end());
    step.returns.erase(std::unique(step.returns.begin(), step.returns.end()), step.returns.end());
    if (!items.empty()) step.set = intern(nonterminal, false, step.lexset, items);
}

const LocalStep& LocalSets::step(u32 id, u32 symbol) {
    const u32 known = step_index_.find(pair_key(id, symbol));
    if (known != NONE) return steps_[known];
    std::lock_guard<std::mutex> lock(positions_.mutex);
    const LocalSet& s = set(id);
    LocalStep out;
    std::vector<LocalItem> items;
    for (const LocalItem& i : s.items) {
        if (i.position == Positions::ACCEPT || !positions_.at_terminal(i.position)) continue;
        const Positions::Occurrence& o = positions_.occurrence(i.position);
        if (!positions_.takes(o, symbol) || (i.forbid && positions_.forbids(i.forbid, o.terminal))) continue;
        out.lexset = o.lexset;
        after(i.position + 1, 0, s.nonterminal, items, out);
    }
    finish(out, s.nonterminal, std::move(items));
    bytes_ += 96;
    step_index_.insert(pair_key(id, symbol), static_cast<u32>(steps_.size()));
    steps_.push_back(std::move(out));
    return steps_.back();
}

const LocalStep& LocalSets::after_call(u32 id, u32 call, u32 lexset, u32 forbid) {
    FlatMap& index = call_step_indices_[{lexset, forbid}];
    const u32 known = index.find(pair_key(id, call));
    if (known != NONE) return steps_[known];
    std::lock_guard<std::mutex> lock(positions_.mutex);
    const LocalSet& s = set(id);
    const LocalSet::Call c = s.calls[call];
    LocalStep out;
    out.lexset = lexset;
    std::vector<LocalItem> items;
    for (const LocalItem& i : s.items)
        if (i.position != Positions::ACCEPT && !positions_.at_terminal(i.position) && i.forbid == c.forbid &&
            positions_.nonterminal(i.position) == c.nonterminal)
            after(i.position + 1, forbid, s.nonterminal, items, out);
    finish(out, s.nonterminal, std::move(items));
    bytes_ += 128;
    index.insert(pair_key(id, call), static_cast<u32>(steps_.size()));
    steps_.push_back(std::move(out));
    return steps_.back();
}

std::vector<LocalSets::Group> LocalSets::group(const Items& items, u32 lex_id, u32 forbid) {
    std::lock_guard<std::mutex> lock(positions_.mutex);
    std::vector<Item> by_frame(items);
    std::stable_sort(by_frame.begin(), by_frame.end(), [](const Item& a, const Item& b) { return a.frame < b.frame; });
    std::vector<Group> out;
    std::vector<LocalItem> local;
    for (size_t i = 0; i < by_frame.size(); ++i) {
        const Item& item = by_frame[i];
        local.push_back({item.position, positions_.forbid_union(item.forbid, forbid)});
        if (i + 1 < by_frame.size() && by_frame[i + 1].frame == item.frame) continue;
        out.push_back({intern(syntax_.called(item.frame), false, lex_id, local), item.frame});
        local.clear();
    }
    bytes_ += 96 + out.size() * 8;
    return out;
}

const std::vector<LocalSets::Group>& LocalSets::of_state(u32 state) {
    const u32 known = states_.find(state);
    if (known != NONE) return groups_[known];
    const SyntaxState& s = syntax_.state(state);
    states_.insert(state, static_cast<u32>(groups_.size()));
    groups_.push_back(group(s.items, s.lex_id, 0));
    return groups_.back();
}

const std::vector<LocalSets::Group>& LocalSets::of_continuation(u32 frame, u32 lexset, u32 forbid) {
    FlatMap& index = continuations_[pair_key(lexset, forbid)];
    const u32 known = index.find(frame);
    if (known != NONE) return groups_[known];
    index.insert(frame, static_cast<u32>(groups_.size()));
    groups_.push_back(group(syntax_.continuation(frame), lexset, forbid));
    return groups_.back();
}

void LocalSets::save(Writer& w) {
    std::vector<std::vector<u32>> all;
    std::vector<u64> hashes;
    for (u32 id = 0; id < size(); ++id) {
        all.push_back(sets_[id] ? flat(*sets_[id], positions_.lexer.independent()) : saved_.copy(id));
        hashes.push_back(hash_of(all.back().data(), all.back().size()));
    }
    write_lists(w, all);
    HashIndex::save(w, hashes);
}

void LocalSets::restore(Reader& r) {
    saved_ = ListsView<u32>(r);
    index_.restore(r, saved_.size());
    sets_.resize(saved_.size());
}

void LocalSets::forget_groups() {
    for (const std::vector<Group>& groups : groups_) bytes_ -= 96 + groups.size() * 8;
    states_.clear();
    continuations_.clear();
    groups_.clear();
}

}  // namespace gcd
