#include "rows.hpp"

#include <algorithm>

#include "row_builder.hpp"

namespace gcd {

Rows::Rows(Compiled& c, u32 max_rows) : c_(c), max_rows_(max_rows), fragments_(std::make_unique<Fragments>(*this)) {
    intern_nodes({0});
}

Rows::~Rows() = default;

View<u32> Rows::keep(std::vector<u32> v) {
    bytes_ += v.size() * 4 + 64;
    arena_.push_back(std::make_unique<std::vector<u32>>(std::move(v)));
    return View<u32>(*arena_.back());
}

u64 Rows::hash_of(const std::vector<u32>& numbers) {
    u64 h = 31;
    for (u32 n : numbers) h = mix(h, n);
    return h;
}

u32 Rows::intern_nodes(std::vector<u32> nodes) {
    const u64 h = hash_of(nodes);
    const u32 known = node_list_index_.find_if(h, [&](u32 id) {
        const View<u32>& list = nodes_of(id);
        return list.size() == nodes.size() && std::equal(nodes.begin(), nodes.end(), list.begin());
    });
    if (known != NONE) return known;
    nodes.shrink_to_fit();
    const u32 id = node_lists_.push_back(keep(std::move(nodes)));
    first_classes_.emplace_back();
    first_known_.push_back(false);
    node_list_hashes_.push_back(h);
    node_list_index_.insert(h, id);
    return id;
}

// The nodes of a list; an artefact's are unpacked when they are first asked for (few are).
const View<u32>& Rows::nodes_of(u32 id) {
    View<u32>& list = node_lists_[id];
    if (!list.empty()) return list;
    std::vector<u32> nodes;
    const View<u8> packed = saved_.lists[id];
    const u32 n = c_.trie().n_nodes();
    u64 node = 0;
    for (size_t i = 0; i < packed.size();) {
        u32 shift = 0;
        u64 gap = 0;
        do {
            Reader::check(i < packed.size() && shift < 32, "a node list is cut short");
            gap |= static_cast<u64>(packed[i] & 0x7F) << shift;
            shift += 7;
        } while (packed[i++] & 0x80);
        node += gap;
        Reader::check(node < n, "a node list is out of bounds");
        nodes.push_back(static_cast<u32>(node));
    }
    Reader::check(!nodes.empty() && hash_of(nodes) == node_list_hashes_[id], "a node list is damaged");
    list = keep(std::move(nodes));
    return list;
}

const std::vector<u32>& Rows::first_classes(u32 node_list) {
    if (!first_known_[node_list]) {
        Bits classes;
        const TokenTrie& t = c_.trie();
        for (u32 n : nodes_of(node_list))
            for (u32 k = n + 1; k < t.end[n]; k = t.end[k])
                if (c_.lexer().byte_class[t.byte[k]] != NONE) bits_set(classes, c_.lexer().byte_class[t.byte[k]]);
        bits_each(classes, [&](u32 k) { first_classes_[node_list].push_back(k); });
        first_known_[node_list] = true;
    }
    return first_classes_[node_list];
}

// See Skip::utf8_target.
u32 Rows::after_non_ascii(u32 state) {
    Lexer& lx = c_.lexer();
    // No such character changes a column: what holds for the state without one holds here.
    const u32 base = lx.state(state).base;
    if (base != NONE && base != state) return skip_of(base).utf8_target == base ? state : NONE;
    u32 target = NONE;
    std::vector<u32> inside;
    for (const Utf8Form& form : kUtf8Forms) {
        std::vector<u32> states{state};
        for (u32 i = 0; i < form.size; ++i) {
            const ByteRange r = form.range[i];
            std::vector<u32> next;
            for (u32 s : states) {
                u32 last_class = NONE;
                for (u32 b = r.lo; b <= r.hi; ++b) {
                    const u32 cls = lx.byte_class[b];
                    if (cls == NONE || cls == last_class) continue;  // a byte of no token cannot be met
                    last_class = cls;
                    const Edge e = lx.step_class(s, cls);
                    if (e == EDGE_DEAD || (e & EDGE_LIST)) return NONE;
                    if (std::find(next.begin(), next.end(), e) == next.end()) next.push_back(e);
                }
            }
            if (i + 1 == form.size) {
                if (next.empty()) break;  // no token has such characters
                if (next.size() > 1 || (target != NONE && target != next[0])) return NONE;
                target = next[0];
            } else {
                inside.insert(inside.end(), next.begin(), next.end());
            }
            states = std::move(next);
        }
    }
    if (target == NONE) return NONE;
    for (u32 s : inside)
        if (c_.live_set_id(s) != c_.live_set_id(target) || !lx.state(s).accepts.empty()) return NONE;
    return target;
}

const Rows::Skip& Rows::skip_of(u32 state) {
    if (state < skips_.size())
        if (const Skip* known = skips_[state].load(std::memory_order_acquire)) return *known;
    auto made = std::make_unique<const Skip>(make_skip(state));
    std::lock_guard<std::mutex> lock(skip_mutex_);
    while (skips_.size() <= state) skips_.emplace_back();
    if (const Skip* known = skips_[state].load(std::memory_order_relaxed)) return *known;  // another thread was faster
    skips_[state].store(made.get(), std::memory_order_release);
    skip_storage_.push_back(std::move(made));
    return *skip_storage_.back();
}

Rows::Skip Rows::make_skip(u32 state) {
    Skip k;
    if (!c_.trie().byte_complete) return k;
    Lexer& lx = c_.lexer();
    const LexState& s = lx.state(state);
    // Where the state accepts, a lexeme could end at any node below; that has no effect where the next byte breaks the
    // lexeme's promise anyway (a longer name).
    auto dies = [&](u32 cls) {
        for (const Accept& a : s.accepts)
            if (!lx.context_dies(a.ctx)[cls]) return false;
        return true;
    };
    u32 n = 0;
    u16 some = 0, rest = TokenTrie::kBrokenUtf8;
    for (u32 b = 0; b < 128; ++b) {
        const u32 cls = lx.byte_class[b];
        const u16 kind = TokenTrie::kind_of(static_cast<u8>(b));
        if (cls != NONE && (lx.step_class(state, cls) != state || !dies(cls))) {
            rest |= kind;
            continue;
        }
        some |= kind;
        k.ascii[b / 64] |= 1ull << (b % 64);
        n += cls != NONE;
    }
    k.usable = n >= 8;
    if (!k.usable && !s.start) return k;
    if (dies(lx.n_classes())) k.utf8_target = after_non_ascii(state);
    (k.utf8_target == state ? some : rest) |= TokenTrie::kNonAscii;
    k.all = some & static_cast<u16>(~rest);
    k.none = rest & static_cast<u16>(~some);
    return k;
}

// Whether all that lies below a node loops on a state.
bool Rows::loops(u32 n, const Skip& skip, u32 state) const {
    const TokenTrie& t = c_.trie();
    const u16 kinds = t.kinds[n];
    if (kinds & skip.none) return false;
    if (!(kinds & static_cast<u16>(~(skip.all | TokenTrie::kBoundary)))) return true;
    const SubtreeSummary& b = t.summaries[t.summary_id[n]];
    return !(b.ascii[0] & ~skip.ascii[0]) && !(b.ascii[1] & ~skip.ascii[1]) &&
           (!b.non_ascii || (skip.utf8_target == state && !b.broken_utf8));
}

std::vector<u32> Rows::successors(u32 node_list, u32 state) {
    std::vector<u32> out;
    if (!c_.lexer().state(state).start) return out;
    out.push_back(node_list);
    for (u32 cls : first_classes(node_list)) out.push_back(c_.lexer().step_class(state, cls));
    return out;
}

u32 Rows::row_of(const std::vector<u32>& successors) {
    if (!successors.empty())
        for (u32 known : by_successors_[hash_of(successors)])
            if (successor_keys_[known].first == successors) return successor_keys_[known].second;
    return NONE;
}

u32 Rows::row_slow(u32 node_list, u32 state) {
    std::unique_lock<std::mutex> lock(mutex_);
    const u64 key = row_key(node_list, state);
    u32 id = index_.find(key);
    if (id == NONE) id = saved_row(key);
    if (id != NONE) return id;
    std::vector<u32> acts = successors(node_list, state);
    // One thread builds a row, the others wait for it. (One of another row with the same hash waits in vain.)
    const u64 claim = acts.empty() ? key : hash_of(acts);
    built_.wait(lock, [&] { return !being_built_.count(claim); });
    id = index_.find(key);
    if (id != NONE) return id;
    id = row_of(acts);
    if (id == NONE) {
        being_built_.insert(claim);
        auto over = [&] {
            being_built_.erase(claim);
            built_.notify_all();
        };
        try {
            id = build(lock, node_list, state);
        } catch (...) {
            if (!lock) lock.lock();
            over();
            throw;
        }
        over();
        if (!acts.empty()) {
            by_successors_[claim].push_back(static_cast<u32>(successor_keys_.size()));
            bytes_ += acts.size() * 4;
            successor_keys_.emplace_back(std::move(acts), id);
        }
    }
    index_.insert(key, id);
    return id;
}

u32 Rows::build(std::unique_lock<std::mutex>& lock, u32 node_list, u32 state) {
    if (rows_.size() >= max_rows_) throw CoreError(ErrorKind::limit_rows, rows_.size(), "too many rows");
    const View<u32> nodes = nodes_of(node_list);
    // Small rows are many, and a collector is as large as a mask: those that are empty again are kept.
    std::unique_ptr<IdCollector> collector;
    if (idle_collectors_.empty()) {
        collector = std::make_unique<IdCollector>(c_.trie().words());
    } else {
        collector = std::move(idle_collectors_.back());
        idle_collectors_.pop_back();
    }
    lock.unlock();
    Builder b(*this, *collector);
    for (u32 n : nodes) b.enter(n, state);
    b.settle();
    std::vector<std::vector<u32>> contents;
    Row row = b.finish(contents);
    lock.lock();
    idle_collectors_.push_back(std::move(collector));
    visited_ += b.visited;
    for (std::vector<u32>& content : contents) keep(std::move(content));
    for (Fragment::Exit& x : b.out.exits)
        row.exits.push_back({x.symbol, x.ctx, x.column, intern_nodes(std::move(x.nodes))});
    bytes_ += sizeof(Row) + row.exits.size() * sizeof(RowExit) + row.groups.size() * sizeof(RowGroup);
    return rows_.push_back(std::make_unique<Row>(std::move(row)));
}

}  // namespace gcd
