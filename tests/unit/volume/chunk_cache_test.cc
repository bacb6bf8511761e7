#include "libs/volume/chunk_cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

ChunkCache::Chunk Bytes(std::size_t size, char value = 'x') {
  return std::make_shared<const std::vector<char>>(size, value);
}

TEST(ChunkCache, KeepsTheMostRecentlyUsedWithinTheBudget) {
  ChunkCache cache(100);
  EXPECT_EQ(cache.Find("a", 0), nullptr);
  cache.Put("a", 0, Bytes(40, '0'));
  cache.Put("a", 1, Bytes(40, '1'));
  cache.Put("b", 0, Bytes(20, '2'));
  EXPECT_EQ(cache.bytes(), 100);
  ASSERT_NE(cache.Find("a", 0), nullptr);
  EXPECT_EQ(cache.Find("a", 0)->front(), '0');
  cache.Put("b", 1, Bytes(1));  // drops a/1, the least recently used
  EXPECT_EQ(cache.bytes(), 61);
  EXPECT_EQ(cache.Find("a", 1), nullptr);
  EXPECT_NE(cache.Find("b", 0), nullptr);
  EXPECT_EQ(cache.hits(), 3);
}

TEST(ChunkCache, AChunkThatDoesNotFitIsNotKeptAndDropsNothing) {
  ChunkCache cache(100);
  cache.Put("a", 0, Bytes(60));
  cache.Put("a", 1, Bytes(101));
  EXPECT_EQ(cache.bytes(), 60);
  EXPECT_EQ(cache.Find("a", 1), nullptr);
  cache.Put("a", 2, Bytes(100));
  EXPECT_EQ(cache.bytes(), 100);
  EXPECT_EQ(cache.Find("a", 0), nullptr);
  ChunkCache none(0);
  none.Put("a", 0, Bytes(1));
  EXPECT_EQ(none.bytes(), 0);
}

TEST(ChunkCache, TheSameChunkIsKeptOnce) {
  ChunkCache cache(100);
  cache.Put("a", 0, Bytes(60, '1'));
  cache.Put("a", 0, Bytes(60, '2'));
  EXPECT_EQ(cache.bytes(), 60);
  EXPECT_EQ(cache.Find("a", 0)->front(), '1');
}

TEST(ChunkCache, NeverOverItsBudgetUnderThreads) {
  ChunkCache cache(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 2000; ++i) {
        // Every other access is of two chunks that stay, the others wander through more than fits.
        const int volume = i % 2 == 0 ? 0 : (i * 7 + t) % 5, chunk = i % 2 == 0 ? i / 2 % 2 : i % 11;
        const auto found = cache.Find(absl::StrCat("v", volume), chunk);
        if (found == nullptr) {
          cache.Put(absl::StrCat("v", volume), chunk, Bytes(50 + static_cast<std::size_t>(chunk)));
        } else {
          EXPECT_EQ(found->size(), 50 + static_cast<std::size_t>(chunk));
        }
        EXPECT_LE(cache.bytes(), 1000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(cache.hits(), 3000);
}

}  // namespace
}  // namespace amaes
