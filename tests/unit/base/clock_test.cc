#include "libs/base/clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "libs/base/mutex.h"
#include "libs/base/testing/fake_clock.h"

namespace amaes {
namespace {

TEST(FakeClockTest, BothTimesMoveTogetherAndOnlyWhenTold) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  EXPECT_EQ(clock.Monotonic(), absl::ZeroDuration());
  clock.Advance(absl::Seconds(90));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(90));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(90));
}

TEST(SystemClockTest, MonotonicNeverGoesBack) {
  absl::Duration last = SystemClock().Monotonic();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = SystemClock().Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(CondVarTest, WaitForEndsWithoutANotification) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  // A condition variable may wake up early, so the result is checked only at the end of the wait.
  while (changed.WaitFor(mutex, absl::Milliseconds(1))) {
  }
}

TEST(CondVarTest, ANotifiedThreadSeesTheChange) {
  Mutex mutex;
  CondVar changed;
  bool set = false;
  std::thread setter([&] {
    MutexLock lock(mutex);
    set = true;
    changed.NotifyAll();
  });
  {
    MutexLock lock(mutex);
    while (!set) changed.Wait(mutex);
    EXPECT_TRUE(set);
  }
  setter.join();
}

}  // namespace
}  // namespace amaes
