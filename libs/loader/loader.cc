#include "libs/loader/loader.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/modalities.h"
#include "libs/draws/crop_choice.h"
#include "libs/loader/augmented_sample.h"
#include "libs/loader/sample_reader.h"

namespace amaes {
namespace {

constexpr std::size_t kOpenVolumes = 64;

std::vector<const CatalogueEntry*> EntriesOf(const DatasetVersion& version, Split split) {
  std::vector<const CatalogueEntry*> entries;
  for (const std::int64_t index : version.Indices(split)) entries.push_back(&version.entries[index]);
  return entries;
}

Selection SelectionOf(const DatasetVersion& version, const LoaderOptions& options) {
  if (options.selection != nullptr) return *options.selection;
  absl::StatusOr<Selection> everything = ResolveSelection(version, "", "");
  AMAES_CHECK(everything.ok());
  return *std::move(everything);
}

// What every volume of a contract lies in, where there is such a range.
std::optional<ValueRange> RangeOfContract(const Contract& contract) {
  if (contract.name == "amaes") return ValueRange{0, 1};
  return std::nullopt;
}

// One volume of the stream per position.
class PretrainSource final : public SampleSource {
 public:
  PretrainSource(const DatasetVersion& version, const LoaderOptions& options)
      : options_(options),
        entries_(EntriesOf(version, Split::kTrain)),
        stream_(options.seed, version.digest, SelectionOf(version, options)),
        range_(RangeOfContract(version.contract)),
        reader_(options, kOpenVolumes) {}

  absl::StatusOr<Sample> Read(std::int64_t number) override {
    const std::int64_t step = options_.first_step + number / options_.lanes.size();
    const std::int64_t lane = options_.lanes.first + number % options_.lanes.size();
    Sample sample;
    sample.position = step * options_.global_batch + lane;
    sample.volume = stream_.VolumeAt(sample.position);
    const CatalogueEntry& entry = *entries_[sample.volume];
    sample.group = GroupOf(options_.groups, entry.modality);
    sample.shape = options_.patch;
    sample.token_mask =
        DrawTokenMask(stream_.draw_seed(), sample.position, options_.patch, options_.token, options_.mask_ratio);
    if (WasSkipped(sample.position)) {
      sample.skipped = true;
      return sample;
    }
    const absl::Status status = Fill(entry, sample);
    if (!status.ok()) return Annotate(status, absl::StrCat("sample at position ", sample.position));
    return sample;
  }

  std::int64_t bytes_read() override { return reader_.bytes_read(); }
  std::int64_t cache_hits() const override { return reader_.cache_hits(); }

 private:
  absl::Status Fill(const CatalogueEntry& entry, Sample& sample) {
    const std::uint64_t seed = stream_.draw_seed();
    const Shape3 size = DrawnCrop(options_.patch, options_.augmentation);
    AMAES_RETURN_IF_ERROR(reader_.Choose(entry, DrawCropCandidates(seed, sample.position, entry.shape, size), sample));
    if (sample.skipped) return absl::OkStatus();
    const AugmentedSample augmented(options_.augmentation, seed, sample.position, options_.patch, sample.crop,
                                    entry.shape);
    sample.crop = augmented.region();
    AMAES_RETURN_IF_ERROR(reader_.Fill(entry, sample));
    if (!sample.skipped) augmented.Finish(range_, sample);
    return absl::OkStatus();
  }

  bool WasSkipped(std::int64_t position) const {
    const auto& skipped = options_.skip_positions;
    return skipped != nullptr && std::binary_search(skipped->begin(), skipped->end(), position);
  }

  const LoaderOptions options_;
  const std::vector<const CatalogueEntry*> entries_;
  const SelectedStream stream_;
  const std::optional<ValueRange> range_;
  SampleReader reader_;
};

// Adds the time between construction and destruction.
class WaitTimer {
 public:
  WaitTimer(Clock& clock, std::atomic<std::int64_t>& total) : clock_(clock), total_(total), start_(clock.Monotonic()) {}
  ~WaitTimer() { total_ += absl::ToInt64Nanoseconds(clock_.Monotonic() - start_); }
  WaitTimer(const WaitTimer&) = delete;
  WaitTimer& operator=(const WaitTimer&) = delete;

 private:
  Clock& clock_;
  std::atomic<std::int64_t>& total_;
  const absl::Duration start_;
};

// Reads in Next().
class DirectLoader final : public Loader {
 public:
  DirectLoader(std::unique_ptr<SampleSource> source, Clock& clock) : clock_(clock), source_(std::move(source)) {}

  absl::StatusOr<Sample> Next() override {
    const WaitTimer timer(clock_, waited_);
    return source_->Read(next_++);
  }
  absl::Duration data_wait() const override { return absl::Nanoseconds(waited_.load()); }
  std::int64_t bytes_read() const override { return source_->bytes_read(); }
  std::int64_t cache_hits() const override { return source_->cache_hits(); }

 private:
  Clock& clock_;
  const std::unique_ptr<SampleSource> source_;
  std::int64_t next_ = 0;
  std::atomic<std::int64_t> waited_{0};
};

// Threads take sample numbers in order and put what they read into a ring; Next takes it out in order.
class ThreadedLoader final : public Loader {
 public:
  ThreadedLoader(std::unique_ptr<SampleSource> source, const LoaderThreads& threads, Clock& clock)
      : clock_(clock), source_(std::move(source)), ring_(static_cast<std::size_t>(threads.prefetch)) {
    for (int i = 0; i < threads.threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~ThreadedLoader() override {
    {
      MutexLock lock(mutex_);
      stopped_ = true;
    }
    room_.NotifyAll();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::StatusOr<Sample> Next() override {
    const WaitTimer timer(clock_, waited_);
    MutexLock lock(mutex_);
    std::optional<absl::StatusOr<Sample>>& slot = Slot(consumed_);
    while (!slot.has_value()) ready_.Wait(mutex_);
    absl::StatusOr<Sample> sample = *std::exchange(slot, std::nullopt);
    ++consumed_;
    room_.NotifyOne();
    return sample;
  }

  absl::Duration data_wait() const override { return absl::Nanoseconds(waited_.load()); }
  std::int64_t bytes_read() const override { return source_->bytes_read(); }
  std::int64_t cache_hits() const override { return source_->cache_hits(); }

 private:
  std::optional<absl::StatusOr<Sample>>& Slot(std::int64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ring_[static_cast<std::size_t>(number) % ring_.size()];
  }

  // The next sample number to read, once there is room for it; none when stopped.
  std::optional<std::int64_t> Take() {
    MutexLock lock(mutex_);
    while (!stopped_ && taken_ - consumed_ >= static_cast<std::int64_t>(ring_.size())) room_.Wait(mutex_);
    if (stopped_) return std::nullopt;
    return taken_++;
  }

  void Work() {
    while (const std::optional<std::int64_t> number = Take()) {
      absl::StatusOr<Sample> sample = source_->Read(*number);
      MutexLock lock(mutex_);
      Slot(*number) = std::move(sample);
      ready_.NotifyOne();
    }
  }

  Clock& clock_;
  const std::unique_ptr<SampleSource> source_;
  std::atomic<std::int64_t> waited_{0};
  Mutex mutex_;
  CondVar ready_, room_;
  std::vector<std::optional<absl::StatusOr<Sample>>> ring_ ABSL_GUARDED_BY(mutex_);
  std::int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t consumed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

absl::Status CheckShare(const LoaderOptions& options) {
  const LaneRange& lanes = options.lanes;
  if (lanes.first < 0 || lanes.size() < 1 || lanes.last > options.global_batch) {
    return absl::InvalidArgumentError(absl::StrCat("loader: lanes ", lanes.first, " to ", lanes.last,
                                                   " are no part of a batch of ", options.global_batch));
  }
  if (options.first_step < 0 || options.threads < 0 || (options.threads > 0 && options.prefetch < 1)) {
    return absl::InvalidArgumentError(absl::StrCat("loader: first step ", options.first_step, ", ", options.threads,
                                                   " threads, prefetch ", options.prefetch));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Loader>> Loader::Create(const DatasetVersion& version, const LoaderOptions& options,
                                                       Clock& clock) {
  AMAES_RETURN_IF_ERROR(CheckLoaderOptions(options));
  AMAES_RETURN_IF_ERROR(CheckShare(options));
  if (options.selection != nullptr ? options.selection->size() == 0 : version.Indices(Split::kTrain).empty()) {
    return absl::InvalidArgumentError("the dataset version has no training volume");
  }
  return Create(std::make_unique<PretrainSource>(version, options), {options.threads, options.prefetch}, clock);
}

std::unique_ptr<Loader> Loader::Create(std::unique_ptr<SampleSource> source, const LoaderThreads& threads,
                                       Clock& clock) {
  if (threads.threads == 0) return std::make_unique<DirectLoader>(std::move(source), clock);
  return std::make_unique<ThreadedLoader>(std::move(source), threads, clock);
}

absl::StatusOr<std::vector<Sample>> LoadFixedCrops(const DatasetVersion& version, Split split, std::int64_t count,
                                                   const LoaderOptions& options) {
  AMAES_RETURN_IF_ERROR(CheckLoaderOptions(options));
  const std::vector<const CatalogueEntry*> entries = EntriesOf(version, split);
  const Selection selection = SelectionOf(version, options);
  const std::vector<std::int64_t>& volumes = split == Split::kTrain ? selection.volumes : selection.held_out;
  std::vector<Sample> samples;
  if (volumes.empty()) return samples;
  const auto size = static_cast<std::int64_t>(volumes.size());
  // Keyed by the dataset, not the selection: what two jobs validate on is the same where their filters are.
  const SampleStream order = FixedCropStream(version.digest, size);
  const std::uint64_t seed = order.draw_seed();
  LoaderOptions once = options;
  once.cache_bytes = 0;  // each crop is read once; the budget is the loader's
  SampleReader reader(once, kOpenVolumes);
  for (std::int64_t i = 0; i < count; ++i) {
    Sample sample;
    sample.position = i;
    sample.fixed = true;
    sample.volume = volumes[order.VolumeAt(i)];
    const CatalogueEntry& entry = *entries[sample.volume];
    sample.group = GroupOf(options.groups, entry.modality);
    sample.shape = options.patch;
    sample.token_mask = DrawValidationMask(seed, i, options.patch, options.token, options.mask_ratio);
    absl::Status status =
        reader.Choose(entry, DrawValidationCropCandidates(seed, i, entry.shape, options.patch), sample);
    if (status.ok() && !sample.skipped) status = reader.Fill(entry, sample);
    if (!status.ok()) return Annotate(status, absl::StrCat("fixed crop ", i));
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace amaes
