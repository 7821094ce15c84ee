#include "batch.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace gcd {

namespace {

// Workers that sleep between batches. They are started when first needed and live as long as the process: joining
// them while a process exits can hang, so they are never joined. A forked process has none of them, and locks and
// conditions as they happened to be: it begins with a new pool.
class Pool {
  public:
    static Pool& get() {
        static const int registered = pthread_atfork(nullptr, nullptr, [] { pool_.store(nullptr); });
        (void)registered;  // a failure to register only matters to a process that forks
        Pool* pool = pool_.load(std::memory_order_acquire);
        if (!pool) {
            Pool* fresh = new Pool;
            if (pool_.compare_exchange_strong(pool, fresh)) return *fresh;
            delete fresh;
        }
        return *pool;
    }
    void run(u32 threads, const std::function<void()>& work) {
        if (threads > 1) {
            std::lock_guard<std::mutex> lock(mutex_);
            try {
                while (workers_ + 1 < threads && workers_ < 64) {
                    std::thread([this] { loop(); }).detach();
                    ++workers_;
                }
            } catch (const std::system_error&) {  // no more threads to be had: those that there are will do
            }
        }
        auto job = std::make_shared<Job>();
        job->work = &work;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            job_ = job;
            job->slots = threads - 1;
            ++round_;
        }
        wake_.notify_all();
        work();
        std::unique_lock<std::mutex> lock(mutex_);
        job->slots = 0;  // nobody starts on it any more
        if (job_ == job) job_.reset();
        job->idle.wait(lock, [&] { return job->busy == 0; });
    }

  private:
    struct Job {
        const std::function<void()>* work = nullptr;
        u32 slots = 0, busy = 0;
        std::condition_variable idle;
    };
    void loop() {
        std::unique_lock<std::mutex> lock(mutex_);
        u64 seen = 0;
        for (;;) {
            wake_.wait(lock, [&] { return round_ != seen; });
            seen = round_;
            std::shared_ptr<Job> job = job_;
            if (!job || job->slots == 0) continue;
            --job->slots;
            ++job->busy;
            lock.unlock();
            (*job->work)();
            lock.lock();
            if (--job->busy == 0) job->idle.notify_all();
        }
    }
    std::mutex mutex_;
    std::condition_variable wake_;
    std::shared_ptr<Job> job_;
    u64 round_ = 0;
    u32 workers_ = 0;
    static std::atomic<Pool*> pool_;
};
std::atomic<Pool*> Pool::pool_{nullptr};

}  // namespace

void fill_batch(const std::vector<BatchRow>& rows, u32 threads) {
    // What one thread does in one go: rows of one engine that lets in one thread at a time, or of one place.
    std::map<std::pair<const void*, std::vector<u64>>, std::vector<size_t>> by_place;
    for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].matcher->fill_known(rows[i].out)) continue;
        std::vector<u64> key;
        if (rows[i].matcher->fills_beside_others()) rows[i].matcher->key(key);
        by_place[{rows[i].tables, std::move(key)}].push_back(i);
    }
    if (by_place.empty()) return;
    std::vector<std::vector<size_t>> open;
    for (auto& place : by_place) open.push_back(std::move(place.second));
    std::sort(open.begin(), open.end(), [](const std::vector<size_t>& a, const std::vector<size_t>& b) {
        return a.size() != b.size() ? a.size() > b.size() : a < b;
    });
    std::atomic<size_t> next{0};
    std::mutex failure_mutex;
    std::exception_ptr failure;
    size_t failed = rows.size();
    const std::function<void()> work = [&] {
        for (size_t g; (g = next.fetch_add(1)) < open.size();) {
            for (size_t i : open[g]) {
                try {
                    rows[i].matcher->fill(rows[i].out);
                } catch (...) {
                    std::lock_guard<std::mutex> lock(failure_mutex);
                    if (i < failed) failed = i, failure = std::current_exception();
                }
            }
        }
    };
    if (threads < 2 || open.size() < 2) {
        work();
    } else {
        Pool::get().run(std::min<u32>(threads, static_cast<u32>(open.size())), work);
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace gcd
