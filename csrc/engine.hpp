// What the matchers of a grammar share: its tables, and what is known by them about masks and endings.
#pragma once

#include "completion.hpp"
#include "masks.hpp"

namespace gcd {

// The part that texts make grow without an end (parser.hpp) comes in generations. An engine that has grown full has a
// *successor*: the same compiled grammar and its rows, and a new parser with what is known by its states. Matchers move
// there when they next come by; the engine goes when the last one has left, but for the first one, which stays as long
// as the compiled grammar.
class Engine {
    struct Lasting;  // what all generations share
    std::shared_ptr<Lasting> lasting_;

  public:
    Engine(std::shared_ptr<const TokenTrie> trie, GrammarTables tables, std::vector<u32> eos, CoreLimits limits,
           bool lenient);
    // From an artefact's sections, which must outlive the engine.
    Engine(std::shared_ptr<const TokenTrie> trie, Reader tables, Reader row_section, Reader lists, Reader locals,
           Reader summaries, Reader sets, std::vector<u32> eos, CoreLimits limits);
    explicit Engine(const Engine& before);  // its successor

    // Fills the tables with what texts are likely to need: breadth first over readings, one step for each byte, until
    // `max_masks` masks or `seconds` are used up. Returns the number of readings looked at.
    u64 explore(u32 max_masks, double seconds);
    bool is_eos(u32 token) const {
        for (u32 e : eos_ids)
            if (e == token) return true;
        return false;
    }
    bool full() const { return parser.full(); }
    // Made when the first matcher asks for it. Has room.
    std::shared_ptr<Engine> successor();
    u64 newest_generation();

    const u64 generation;
    Compiled& compiled;
    Rows& rows;
    const std::vector<u32>& eos_ids;
    Parser parser;
    Masks masks;
    Completion completion;

  private:
    explicit Engine(std::shared_ptr<Lasting> lasting, u64 generation);
    std::mutex successor_mutex_;
    std::shared_ptr<Engine> successor_;
};

}  // namespace gcd
