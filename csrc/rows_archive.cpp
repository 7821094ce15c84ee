// Rows in an artefact: saved as they stand, used where they lie, each checked when it is first asked for.
#include <algorithm>

#include "rows.hpp"

namespace gcd {

// Rising numbers as gaps, seven bits a byte, the last one without the top bit.
static void pack_nodes(const View<u32>& nodes, std::vector<u8>& out) {
    u32 last = 0;
    for (u32 n : nodes) {
        u32 gap = n - last;
        last = n;
        for (; gap >= 0x80; gap >>= 7) out.push_back(static_cast<u8>(gap | 0x80));
        out.push_back(static_cast<u8>(gap));
    }
}

void Rows::save(Writer& w, Writer& lists) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (u32 i = 0; i < rows_.size(); ++i) unpacked(i);  // also those that no text has asked for
    for (u64 key : saved_.keys)
        if (index_.find(key) == NONE) saved_row(key);
    const u32 n = rows_.size();
    std::vector<u32> list_starts{0};
    std::vector<u8> list_items;
    for (u32 i = 0; i < node_lists_.size(); ++i) {
        if (node_lists_[i].empty()) {
            const View<u8> packed = saved_.lists[i];
            list_items.insert(list_items.end(), packed.begin(), packed.end());
        } else {
            pack_nodes(node_lists_[i], list_items);
        }
        Reader::check(list_items.size() < NONE, "too many node lists for an artefact");
        list_starts.push_back(static_cast<u32>(list_items.size()));
    }
    w.array(list_starts);
    lists.raw(list_items.data(), list_items.size());
    w.array(node_list_hashes_);
    // Per row: groups (live set, 0 = ids / 1 = words, items) and exits; the token sets one after another, padded.
    std::vector<u32> group_start{0}, exit_start{0}, group_live, exits;
    std::vector<u64> group_at, group_size;  // index into `items`; size, top bit: dense
    std::vector<u32> items;
    std::unordered_multimap<u64, std::pair<u64, u64>> known;  // equal token sets are stored once
    for (u32 i = 0; i < n; ++i) {
        for (const RowGroup& g : rows_[i]->groups) {
            const bool dense = !g.tokens.words.empty();
            const View<u32>& v = dense ? g.tokens.words : g.tokens.ids;
            const u64 size = v.size() | (dense ? 1ull << 63 : 0);
            u64 h = mix(3, size);
            for (u32 x : v) h = mix(h, x);
            u64 at = ~0ull;
            auto [lo, hi] = known.equal_range(h);
            for (auto it = lo; it != hi && at == ~0ull; ++it)
                if (it->second.second == size &&
                    std::equal(v.begin(), v.end(), items.begin() + static_cast<long>(it->second.first)))
                    at = it->second.first;
            if (at == ~0ull) {
                at = items.size();
                items.insert(items.end(), v.begin(), v.end());
                known.emplace(h, std::make_pair(at, size));
            }
            group_live.push_back(g.live_set);
            group_at.push_back(at);
            group_size.push_back(size);
        }
        for (const RowExit& e : rows_[i]->exits) exits.insert(exits.end(), {e.symbol, e.ctx, e.column, e.nodes});
        group_start.push_back(static_cast<u32>(group_live.size()));
        exit_start.push_back(static_cast<u32>(exits.size() / 4));
    }
    w.array(group_start);
    w.array(exit_start);
    w.array(group_live);
    w.array(group_at);
    w.array(group_size);
    w.array(exits);
    w.array(items);
    std::vector<std::pair<u64, u32>> index;
    index_.each([&](u64 key, u32 id) { index.emplace_back(key, id); });
    std::sort(index.begin(), index.end());
    std::vector<u64> keys;
    std::vector<u32> ids;
    for (auto& [k, id] : index) keys.push_back(k), ids.push_back(id);
    w.array(keys);
    w.array(ids);
}

void Rows::restore(Reader& r, Reader& lists) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto check = Reader::check;
    check(rows_.size() == 0 && node_lists_.size() == 1, "rows are restored into a fresh engine only");
    saved_.lists = ListsView<u8>(r, lists);
    const View<u64> hashes = r.view<u64>();
    const size_t n_lists = saved_.lists.size();
    check(n_lists > 0 && n_lists < NONE && hashes.size() == n_lists, "node lists differ in length");
    check(hashes[0] == node_list_hashes_[0], "the first node list is not the root");
    node_list_index_.reserve(n_lists);
    for (u32 i = 1; i < n_lists; ++i) node_list_index_.insert(hashes[i], node_lists_.push_back(View<u32>()));
    node_list_hashes_.assign(hashes.begin(), hashes.end());
    first_classes_.resize(n_lists);
    first_known_.resize(n_lists);
    Saved& v = saved_;
    v.group_start = r.view<u32>();
    v.exit_start = r.view<u32>();
    v.group_live = r.view<u32>();
    v.group_at = r.view<u64>();
    v.group_size = r.view<u64>();
    v.exits = r.view<u32>();
    v.items = r.view<u32>();
    v.keys = r.view<u64>();
    v.row_of_key = r.view<u32>();
    r.done();
    check(!v.group_start.empty() && v.group_start.size() == v.exit_start.size() &&
              v.keys.size() == v.row_of_key.size() && v.group_at.size() == v.group_live.size() &&
              v.group_size.size() == v.group_live.size() && v.exits.size() % 4 == 0,
          "row tables differ in length");
    for (size_t i = 0; i + 1 < v.group_start.size(); ++i) rows_.push_back(nullptr);  // they keep their numbers
}

Row Rows::unpack(u32 i) const {
    auto check = Reader::check;
    const Saved& v = saved_;
    const u32 width = c_.trie().width, words = c_.trie().words();
    check(v.group_start[i] <= v.group_start[i + 1] && v.group_start[i + 1] <= v.group_live.size() &&
              v.exit_start[i] <= v.exit_start[i + 1] && v.exit_start[i + 1] <= v.exits.size() / 4,
          "a row is out of bounds");
    Row row;
    for (u32 g = v.group_start[i]; g < v.group_start[i + 1]; ++g) {
        const bool dense = v.group_size[g] >> 63;
        const u64 size = v.group_size[g] & ~(1ull << 63);
        check(v.group_at[g] <= v.items.size() && size <= v.items.size() - v.group_at[g],
              "a row group is out of bounds");
        check(v.group_live[g] < c_.n_live_sets(), "a row group's live set is out of bounds");
        const View<u32> tokens(v.items.data() + v.group_at[g], static_cast<size_t>(size));
        RowGroup rg;
        rg.live_set = v.group_live[g];
        if (dense) {
            check(size == words && (width % 32 == 0 || !(tokens[words - 1] >> (width % 32))),
                  "a row group names a token out of range");
            rg.tokens.words = tokens;
        } else {
            for (u32 id : tokens) check(id < width, "a row group names a token out of range");
            rg.tokens.ids = tokens;
        }
        bits_or(row.symbols, c_.live_set(rg.live_set));
        row.groups.push_back(rg);
    }
    for (u32 e = v.exit_start[i]; e < v.exit_start[i + 1]; ++e) {
        const RowExit x{v.exits[4 * e], v.exits[4 * e + 1], v.exits[4 * e + 2], v.exits[4 * e + 3]};
        check(x.symbol < c_.positions().alphabet.size() && x.ctx < c_.lexer().n_contexts() && x.nodes < v.lists.size(),
              "a row exit is out of bounds");
        bits_set(row.symbols, x.symbol);
        row.exits.push_back(x);
    }
    return row;
}

u32 Rows::saved_row(u64 key) {
    const u64* at = std::lower_bound(saved_.keys.begin(), saved_.keys.end(), key);
    if (at == saved_.keys.end() || *at != key) return NONE;
    const u32 i = saved_.row_of_key[static_cast<size_t>(at - saved_.keys.begin())];
    Reader::check(i + 1 < saved_.group_start.size(), "a row's number is out of bounds");
    unpacked(i);
    index_.insert(key, i);
    return i;
}

void Rows::unpacked(u32 i) {
    if (!rows_[i]) rows_[i] = std::make_unique<Row>(unpack(i));
}

}  // namespace gcd
