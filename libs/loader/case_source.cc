#include "libs/loader/case_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/draws/foreground.h"
#include "libs/loader/augmented_sample.h"

namespace amaes {
namespace {

// The crop of stream number `number` that holds a labelled voxel. Skips the sample when its label map is damaged and the policy
// is to skip.
absl::StatusOr<CropDraw> CropAtForeground(CaseReader& reader, const LabelledCase& labelled, std::uint64_t seed,
                                          const Shape3& patch, std::int64_t number, Sample& sample) {
  const auto voxels = reader.Foreground(labelled);
  if (absl::IsDataLoss(voxels.status()) && reader.skip_damaged()) {
    sample.skipped = true;
    return CropDraw{};
  }
  if (!voxels.ok()) return voxels.status();
  return DrawForegroundCrop(seed, number, labelled.shape, patch, **voxels);
}

class CaseSource final : public SampleSource {
 public:
  CaseSource(const LabelledCases& cases, std::shared_ptr<CaseReader> reader, const CaseSourceOptions& options)
      : cases_(cases.train),
        reader_(std::move(reader)),
        options_(options),
        stream_(options.seed, cases.digest, static_cast<std::int64_t>(cases.train.size())) {}

  absl::StatusOr<Sample> Read(std::int64_t number) override {
    const std::int64_t step = options_.first_step + number / options_.lanes.size();
    const std::int64_t lane = options_.lanes.first + number % options_.lanes.size();
    Sample sample;
    sample.position = step * options_.global_batch + lane;
    sample.volume = stream_.VolumeAt(sample.position);
    sample.shape = options_.patch;
    const LabelledCase& labelled = cases_[static_cast<std::size_t>(sample.volume)];
    sample.channels = static_cast<std::int64_t>(labelled.channels.size());
    const auto& skipped = options_.skip_positions;
    if (skipped != nullptr && std::binary_search(skipped->begin(), skipped->end(), sample.position)) {
      sample.skipped = true;
      return sample;
    }
    const absl::Status status = Fill(labelled, sample);
    if (!status.ok()) return Annotate(status, absl::StrCat("sample at position ", sample.position));
    return sample;
  }

  std::int64_t bytes_read() override { return reader_->bytes_read(); }
  std::int64_t cache_hits() const override { return reader_->cache_hits(); }

 private:
  absl::Status Fill(const LabelledCase& labelled, Sample& sample) {
    const std::uint64_t seed = stream_.draw_seed();
    const Shape3 size = DrawnCrop(options_.patch, options_.augmentation);
    CropDraw drawn;
    if (DrawForegroundWanted(seed, sample.position, options_.foreground)) {
      AMAES_ASSIGN_OR_RETURN(drawn, CropAtForeground(*reader_, labelled, seed, size, sample.position, sample));
      if (sample.skipped) return absl::OkStatus();
    } else {
      drawn = DrawCrop(seed, sample.position, labelled.shape, size);
    }
    const AugmentedSample augmented(options_.augmentation, seed, sample.position, options_.patch, drawn,
                                    labelled.shape);
    sample.crop = augmented.region();
    AMAES_RETURN_IF_ERROR(reader_->Fill(labelled, sample));
    if (!sample.skipped) augmented.Finish(std::nullopt, sample);
    return absl::OkStatus();
  }

  const std::vector<LabelledCase>& cases_;
  const std::shared_ptr<CaseReader> reader_;
  const CaseSourceOptions options_;
  const SampleStream stream_;
};

}  // namespace

std::unique_ptr<SampleSource> MakeCaseSource(const LabelledCases& cases, std::shared_ptr<CaseReader> reader,
                                             const CaseSourceOptions& options) {
  return std::make_unique<CaseSource>(cases, std::move(reader), options);
}

absl::StatusOr<Sample> FixedCaseCrops::Read(std::int64_t index) const {
  const LabelledCase& labelled = cases_[static_cast<std::size_t>(index / crops_)];
  // Keyed by the case, so that a case's crops stay when others come.
  const std::uint64_t seed = FixedCropStream(labelled.key, 1).draw_seed();
  Sample sample;
  sample.position = index;
  sample.volume = index / crops_;
  const std::int64_t place = index % crops_;
  sample.shape = patch_;
  sample.channels = static_cast<std::int64_t>(labelled.channels.size());
  const auto fill = [&]() -> absl::Status {
    if (place == 0) {
      AMAES_ASSIGN_OR_RETURN(sample.crop, CropAtForeground(*reader_, labelled, seed, patch_, place, sample));
      if (sample.skipped) return absl::OkStatus();
    } else {
      sample.crop = DrawValidationCrop(seed, place, labelled.shape, patch_);
    }
    return reader_->Fill(labelled, sample);
  };
  const absl::Status status = fill();
  if (!status.ok()) return Annotate(status, absl::StrCat("fixed crop ", index));
  return sample;
}

}  // namespace amaes
