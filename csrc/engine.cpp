#include "engine.hpp"

#include <optional>

namespace gcd {

struct Engine::Lasting {
    struct Saved {  // an artefact's sections
        Reader locals, summaries, sets;
    };
    Compiled compiled;
    Rows rows;
    std::vector<u32> eos;
    CoreLimits limits;
    std::optional<Saved> saved;

    Lasting(std::shared_ptr<const TokenTrie> trie, GrammarTables tables, std::vector<u32> eos_ids, CoreLimits core,
            bool lenient)
        : compiled(std::move(trie), std::move(tables), core, lenient),
          rows(compiled, core.max_rows),
          eos(std::move(eos_ids)),
          limits(core) {}
    Lasting(std::shared_ptr<const TokenTrie> trie, Reader& tables, Reader& row_section, Reader& lists, Saved sections,
            std::vector<u32> eos_ids, CoreLimits core)
        : compiled(std::move(trie), tables, core),
          rows(compiled, core.max_rows),
          eos(std::move(eos_ids)),
          limits(core),
          saved(sections) {
        rows.restore(row_section, lists);
    }
};

Engine::Engine(std::shared_ptr<Lasting> lasting, u64 number)
    : lasting_(std::move(lasting)),
      generation(number),
      compiled(lasting_->compiled),
      rows(lasting_->rows),
      eos_ids(lasting_->eos),
      parser(compiled, lasting_->limits),
      masks(parser, rows, eos_ids, lasting_->limits.memo_bytes),
      completion(parser, rows, lasting_->limits.memo_bytes / 4) {
    if (!lasting_->saved) return;
    Lasting::Saved from = *lasting_->saved;
    masks.restore(from.locals, from.summaries, from.sets);
}

Engine::Engine(std::shared_ptr<const TokenTrie> trie, GrammarTables tables, std::vector<u32> eos, CoreLimits limits,
               bool lenient)
    : Engine(std::make_shared<Lasting>(std::move(trie), std::move(tables), std::move(eos), limits, lenient), 0) {}

Engine::Engine(std::shared_ptr<const TokenTrie> trie, Reader tables, Reader row_section, Reader lists, Reader locals,
               Reader summaries, Reader sets, std::vector<u32> eos, CoreLimits limits)
    : Engine(std::make_shared<Lasting>(std::move(trie), tables, row_section, lists,
                                       Lasting::Saved{locals, summaries, sets}, std::move(eos), limits),
             0) {}

Engine::Engine(const Engine& before) : Engine(before.lasting_, before.generation + 1) {}

std::shared_ptr<Engine> Engine::successor() {
    std::lock_guard<std::mutex> lock(successor_mutex_);
    if (!successor_) {
        successor_ = std::make_shared<Engine>(*this);
    } else if (successor_->full() || successor_->parser.crowded()) {
        successor_ = successor_->successor();
    }
    return successor_;
}

u64 Engine::newest_generation() {
    std::lock_guard<std::mutex> lock(successor_mutex_);
    return successor_ ? successor_->newest_generation() : generation;
}

}  // namespace gcd
