// Ids, hashing and the one exception type that the core throws. No Python in here, no printing, no abort.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gcd {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;

constexpr u32 NONE = 0xFFFFFFFFu;

// Why an operation stopped. The binding turns `kind` into a typed Python exception.
enum class ErrorKind {
    limit_states,
    limit_bytes,
    limit_seconds,
    limit_rows,
    bad_input,
    bad_artifact,
    interrupted,
    limit_tokens,
    limit_parser_states
};

struct CoreError : std::runtime_error {
    ErrorKind kind;
    u64 value;  // the number that went over, or the offending id
    CoreError(ErrorKind k, u64 v, const std::string& what) : std::runtime_error(what), kind(k), value(v) {}
};

inline u64 mix(u64 h, u64 v) {
    // One round of a multiply-xorshift mixer (constants: splitmix64).
    h ^= v + 0x9E3779B97F4A7C15ull + (h << 6) + (h >> 2);
    h *= 0xBF58476D1CE4E5B9ull;
    h ^= h >> 29;
    return h;
}

// A growable array whose elements never move and that can be read while one writer appends: readers only touch
// elements whose ids reached them through an acquire load (a published table entry), so no element is read half-made.
//
// Chunks hang in pages, pages in the vector itself: an engine has a dozen of these, and an empty one costs nothing.
template <class T, u32 kLog = 8>
class StableVector {
  public:
    static constexpr u32 kChunk = 1u << kLog;  // elements
    static constexpr u32 kPage = 256;          // chunks
    static constexpr u32 kPages = 256;

    StableVector() = default;
    StableVector(const StableVector&) = delete;
    StableVector& operator=(const StableVector&) = delete;
    ~StableVector() {
        for (std::atomic<Page*>& slot : pages_) {
            Page* page = slot.load(std::memory_order_relaxed);
            if (!page) break;
            for (std::atomic<T*>& chunk : page->chunks) delete[] chunk.load(std::memory_order_relaxed);
            delete page;
        }
    }
    u32 push_back(T value) {
        const u32 id = grow();
        (*this)[id] = std::move(value);
        size_.store(id + 1, std::memory_order_release);
        return id;
    }
    // Appends a value-initialised element (for types that cannot be moved).
    u32 emplace_back() {
        const u32 id = grow();
        size_.store(id + 1, std::memory_order_release);
        return id;
    }
    T& operator[](u32 id) { return chunk(id).load(std::memory_order_acquire)[id % kChunk]; }
    const T& operator[](u32 id) const { return chunk(id).load(std::memory_order_acquire)[id % kChunk]; }
    u32 size() const { return size_.load(std::memory_order_acquire); }

  private:
    struct Page {
        std::atomic<T*> chunks[kPage]{};
    };
    std::atomic<T*>& chunk(u32 id) const {
        return pages_[id / (kPage * kChunk)].load(std::memory_order_acquire)->chunks[id / kChunk % kPage];
    }
    u32 grow() {
        const u32 id = size_.load(std::memory_order_relaxed);
        if (id % kChunk) return id;
        if (id / (kPage * kChunk) >= kPages) throw CoreError(ErrorKind::limit_states, id, "table full");
        std::atomic<Page*>& page = pages_[id / (kPage * kChunk)];
        if (!page.load(std::memory_order_relaxed)) page.store(new Page, std::memory_order_release);
        if (!chunk(id).load(std::memory_order_relaxed)) chunk(id).store(new T[kChunk](), std::memory_order_release);
        return id;
    }
    std::atomic<Page*> pages_[kPages]{};
    std::atomic<u32> size_{0};
};

// Insert-only hash map u64 -> u32 for one writer (under the engine's lock) and many lock-free readers. The key must be
// unique per entry (callers that hash contents probe with `find_if`). Growing publishes a new table; old ones are kept
// until destruction, since a reader may still be in one (their sizes sum to less than the live table's).
class ReadMostlyMap {
  public:
    ReadMostlyMap() { publish(std::make_unique<Table>(1024)); }

    // Calls `ok(value)` for each entry with this key until it says yes. Returns the value, or NONE.
    template <class F>
    u32 find_if(u64 key, F&& ok) const {
        const Table* t = table_.load(std::memory_order_acquire);
        key = key ? key : 1;
        for (u64 i = slot(key, t->mask);; i = (i + 1) & t->mask) {
            const u64 k = t->cells[i].key.load(std::memory_order_acquire);
            if (k == 0) return NONE;
            if (k == key) {
                const u32 v = t->cells[i].value.load(std::memory_order_relaxed);
                if (ok(v)) return v;
            }
        }
    }
    u32 find(u64 key) const {
        return find_if(key, [](u32) { return true; });
    }
    void insert(u64 key, u32 value) {
        Table* t = table_.load(std::memory_order_relaxed);
        if ((count_ + 1) * 2 > t->mask + 1) t = grow((t->mask + 1) * 2);
        put(*t, key ? key : 1, value);
        ++count_;
    }
    // Makes room for n entries in all, so that adding them copies nothing.
    void reserve(u64 n) {
        u64 size = table_.load(std::memory_order_relaxed)->mask + 1;
        while (size < 2 * n) size *= 2;
        if (size > table_.load(std::memory_order_relaxed)->mask + 1) grow(size);
    }
    template <class F>
    void each(F&& f) const {
        const Table* t = table_.load(std::memory_order_acquire);
        for (u64 i = 0; i <= t->mask; ++i) {
            const u64 k = t->cells[i].key.load(std::memory_order_acquire);
            if (k) f(k, t->cells[i].value.load(std::memory_order_relaxed));
        }
    }
    u64 size() const { return count_; }
    u64 bytes() const { return (table_.load(std::memory_order_relaxed)->mask + 1) * sizeof(Cell) * 2; }

  private:
    struct Cell {
        std::atomic<u64> key{0};
        std::atomic<u32> value{0};
    };
    struct Table {
        explicit Table(u64 n) : mask(n - 1), cells(new Cell[n]) {}
        u64 mask;
        std::unique_ptr<Cell[]> cells;
    };
    // Keys may be two small numbers side by side: without a multiplication they would crowd together.
    static u64 slot(u64 key, u64 mask) {
        key *= 0x9E3779B97F4A7C15ull;
        return (key ^ (key >> 32)) & mask;
    }
    static void put(Table& t, u64 key, u32 value) {
        u64 i = slot(key, t.mask);
        while (t.cells[i].key.load(std::memory_order_relaxed) != 0) i = (i + 1) & t.mask;
        t.cells[i].value.store(value, std::memory_order_relaxed);
        t.cells[i].key.store(key, std::memory_order_release);
    }
    Table* grow(u64 size) {
        const Table* t = table_.load(std::memory_order_relaxed);
        auto bigger = std::make_unique<Table>(size);
        for (u64 i = 0; i <= t->mask; ++i) {
            const u64 k = t->cells[i].key.load(std::memory_order_relaxed);
            if (k) put(*bigger, k, t->cells[i].value.load(std::memory_order_relaxed));
        }
        return publish(std::move(bigger));
    }
    Table* publish(std::unique_ptr<Table> t) {
        Table* raw = t.get();
        all_.push_back(std::move(t));
        table_.store(raw, std::memory_order_release);
        return raw;
    }
    std::vector<std::unique_ptr<Table>> all_;
    std::atomic<Table*> table_{nullptr};
    u64 count_ = 0;
};

// The shapes of a character of two to four bytes (Unicode, table 3-7): the ranges of its bytes, leading byte first.
struct ByteRange {
    u8 lo, hi;
};
struct Utf8Form {
    u32 size;
    ByteRange range[4];
};
constexpr Utf8Form kUtf8Forms[] = {
    {2, {{0xC2, 0xDF}, {0x80, 0xBF}, {0, 0}, {0, 0}}},
    {3, {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}, {0, 0}}},
    {3, {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}, {0, 0}}},
    {3, {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}, {0, 0}}},
    {3, {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}, {0, 0}}},
    {4, {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
};

// Bits set in some words. By hand: without leave to use the instruction a compiler calls a function for each word, and
// it makes vectors of this.
inline u32 count_bits(const u32* words, u32 n) {
    u32 count = 0;
    for (u32 i = 0; i < n; ++i) {
        u32 x = words[i];
        x -= x >> 1 & 0x55555555u;
        x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
        x = (x + (x >> 4)) & 0x0F0F0F0Fu;
        count += x * 0x01010101u >> 24;
    }
    return count;
}

// A set of small integers as words.
using Bits = std::vector<u64>;
inline void bits_set(Bits& b, u32 i) {
    if (b.size() <= i / 64) b.resize(i / 64 + 1);
    b[i / 64] |= 1ull << (i % 64);
}
inline bool bits_get(const Bits& b, u32 i) {
    return i / 64 < b.size() && (b[i / 64] >> (i % 64) & 1);
}
inline bool bits_meet(const Bits& a, const Bits& b) {
    const size_t n = a.size() < b.size() ? a.size() : b.size();
    for (size_t i = 0; i < n; ++i)
        if (a[i] & b[i]) return true;
    return false;
}
inline bool bits_or(Bits& a, const Bits& b) {
    bool grew = false;
    if (a.size() < b.size()) a.resize(b.size());
    for (size_t i = 0; i < b.size(); ++i) {
        const u64 v = a[i] | b[i];
        grew |= v != a[i];
        a[i] = v;
    }
    return grew;
}
inline bool bits_none(const Bits& a) {
    for (u64 w : a)
        if (w) return false;
    return true;
}
inline void bits_trim(Bits& a) {
    while (!a.empty() && a.back() == 0) a.pop_back();
}
template <class F>
void bits_each(const Bits& a, F&& f) {
    for (size_t w = 0; w < a.size(); ++w)
        for (u64 x = a[w]; x; x &= x - 1) f(static_cast<u32>(w * 64 + static_cast<u32>(__builtin_ctzll(x))));
}

}  // namespace gcd
