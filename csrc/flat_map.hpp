// Insert-only hash map u64 -> u32 for one thread at a time: flat, so that a lookup touches one cache line, and in
// shards, so that growing never copies much at once.
#pragma once

#include "common.hpp"

namespace gcd {

class FlatMap {
  public:
    u32 find(u64 key) const {  // NONE: not there
        const u64 h = hash(key);
        const Shard& s = shards_[h >> 60];
        for (u64 i = h & s.mask; s.mask; i = (i + 1) & s.mask) {
            if (s.cells[i].value == NONE) return NONE;
            if (s.cells[i].key == key) return s.cells[i].value;
        }
        return NONE;
    }
    void insert(u64 key, u32 value) {  // a key that is not there
        const u64 h = hash(key);
        Shard& s = shards_[h >> 60];
        if ((s.count + 1) * 3 > (s.mask + 1) * 2 || !s.mask) grow(s);
        put(s, h, {key, value});
        ++s.count;
    }
    template <class F>
    void each(F&& f) const {
        for (const Shard& s : shards_)
            for (const Cell& c : s.cells)
                if (c.value != NONE) f(c.key, c.value);
    }
    void clear() {
        for (Shard& s : shards_) s = Shard{};
    }

  private:
    struct Cell {
        u64 key;
        u32 value = NONE;
    };
    struct Shard {
        std::vector<Cell> cells;
        u64 mask = 0, count = 0;  // cells are a power of two, none at first
    };
    static u64 hash(u64 key) {
        key *= 0x9E3779B97F4A7C15ull;
        return key ^ (key >> 29);
    }
    static void put(Shard& s, u64 h, Cell cell) {
        u64 i = h & s.mask;
        while (s.cells[i].value != NONE) i = (i + 1) & s.mask;
        s.cells[i] = cell;
    }
    static void grow(Shard& s) {
        Shard bigger;
        bigger.mask = s.mask ? 2 * s.mask + 1 : 15;
        bigger.count = s.count;
        bigger.cells.resize(bigger.mask + 1);
        for (const Cell& c : s.cells)
            if (c.value != NONE) put(bigger, hash(c.key), c);
        s = std::move(bigger);
    }
    Shard shards_[16];
};

}  // namespace gcd
