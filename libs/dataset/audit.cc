#include "libs/dataset/audit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

class Folder final : public LedgerSource {
 public:
  explicit Folder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder_, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error == std::errc::no_such_file_or_directory) return names;
    if (error) return files::ErrnoStatus(error.value(), "cannot list", folder_);
    return names;
  }
  absl::StatusOr<std::unique_ptr<LedgerReader>> Open(const std::string& name, std::int64_t first,
                                                     std::int64_t length) override {
    return LedgerReader::Open(folder_ / name, first, length);
  }

 private:
  const std::filesystem::path folder_;
};

// What a checkpoint's ledger lengths say about its attempts: rank → records.
using AttemptRecords = std::map<AttemptNumber, std::map<int, std::int64_t>>;

class Auditor {
 public:
  Auditor(const AuditPlan& plan, LedgerSource& ledgers)
      : plan_(plan),
        ledgers_(ledgers),
        stream_(plan.seed, plan.dataset_digest, plan.selection),
        visits_(plan.selection.volumes.size()) {}

  absl::StatusOr<AuditReport> Run() {
    report_.checkpoint = plan_.newest.name;
    report_.step = plan_.newest.step;
    report_.steps = plan_.steps;
    report_.volumes = static_cast<std::int64_t>(plan_.selection.volumes.size());
    report_.pass_length = stream_.pass_length();
    const AttemptRecords records = RecordsOf(plan_.newest);
    CheckEarlierCheckpoints();
    AMAES_RETURN_IF_ERROR(ReadTails());
    std::int64_t step = 0;
    for (const auto& [number, ranks] : records) AMAES_RETURN_IF_ERROR(ReadAttempt(number, ranks, step));
    if (step != plan_.newest.step) {
      Find(absl::StrCat("the ledgers that checkpoint ", plan_.newest.name, " names hold ", step, " steps, not ",
                        plan_.newest.step),
           -1, -1, -1);
    }
    for (AuditReport::Attempt& attempt : report_.attempts) {
      attempt.read_again = again_[attempt.number];
      again_.erase(attempt.number);
    }
    // Attempts of which nothing counts.
    for (const auto& [number, samples] : again_) {
      report_.attempts.push_back({number, WorldSizeOf(number).value_or(0), step, 0, samples});
    }
    return std::move(report_);
  }

 private:
  struct Peeked {
    std::unique_ptr<LedgerReader> reader;
    std::optional<LedgerRecord> next;
    bool over = false;  // at its end, or unreadable from here on
  };

  void Find(std::string what, std::int64_t position, AttemptNumber attempt, int rank) {
    if (++report_.finding_count <= static_cast<std::int64_t>(kMaxListed)) {
      report_.findings.push_back({std::move(what), position, attempt, rank});
    }
  }

  std::optional<std::int64_t> WorldSizeOf(AttemptNumber attempt) const {
    const auto found = plan_.world_size.find(attempt);
    if (found == plan_.world_size.end() || found->second < 1 || found->second > plan_.global_batch) return std::nullopt;
    return found->second;
  }

  AttemptRecords RecordsOf(const AuditPlan::Checkpoint& checkpoint) {
    AttemptRecords out;
    for (const auto& [name, length] : checkpoint.ledger) {
      const std::optional<LedgerId> id = ParseLedgerName(name);
      const std::optional<std::int64_t> records = LedgerRecords(length);
      if (id && records) {
        out[id->attempt][id->rank] = *records;
      } else {
        Find(absl::StrCat("checkpoint ", checkpoint.name, " names ", name, " with ", length,
                          " bytes, which is no ledger of whole records"),
             -1, id ? id->attempt : -1, id ? id->rank : -1);
      }
    }
    return out;
  }

  // Steps that the ranks of an attempt wrote down; the most of any where they differ, which is then found record by
  // record.
  std::int64_t StepsOf(std::int64_t world_size, const std::map<int, std::int64_t>& ranks) const {
    std::int64_t steps = 0;
    for (const auto& [rank, records] : ranks) {
      if (rank >= world_size) continue;
      const std::int64_t lanes = LanesOf(rank, world_size, plan_.global_batch, plan_.group).size();
      steps = std::max(steps, (records + lanes - 1) / lanes);
    }
    return steps;
  }

  // Every checkpoint that the newest one goes back to must be a part of what the newest one says.
  void CheckEarlierCheckpoints() {
    for (const AuditPlan::Checkpoint& checkpoint : plan_.before) {
      std::int64_t steps = 0;
      for (const auto& [number, ranks] : RecordsOf(checkpoint)) {
        if (const auto world_size = WorldSizeOf(number)) steps += StepsOf(*world_size, ranks);
      }
      if (steps != checkpoint.step) {
        Find(absl::StrCat("the ledgers that checkpoint ", checkpoint.name, " names hold ", steps, " steps, not ",
                          checkpoint.step),
             -1, -1, -1);
      }
      for (const auto& [name, length] : checkpoint.ledger) {
        const auto found = plan_.newest.ledger.find(name);
        if (found != plan_.newest.ledger.end() && found->second >= length) continue;
        const std::optional<LedgerId> id = ParseLedgerName(name);
        Find(absl::StrCat("checkpoint ", plan_.newest.name, " names less of ", name, " than ", checkpoint.name,
                          ", which it goes back to"),
             -1, id ? id->attempt : -1, id ? id->rank : -1);
      }
    }
  }

  absl::Status Advance(Peeked& peeked, AttemptNumber attempt, int rank) {
    peeked.next.reset();
    if (peeked.over) return absl::OkStatus();
    absl::StatusOr<std::optional<LedgerRecord>> next = peeked.reader->Next();
    if (absl::IsDataLoss(next.status())) {
      Find(std::string(next.status().message()), -1, attempt, rank);
      peeked.over = true;
      return absl::OkStatus();
    }
    if (!next.ok()) return next.status();
    peeked.next = *next;
    peeked.over = !next->has_value();
    return absl::OkStatus();
  }

  absl::StatusOr<Peeked> Begin(AttemptNumber attempt, int rank, const std::map<int, std::int64_t>& ranks) {
    Peeked peeked;
    const auto records = ranks.find(rank);
    if (records == ranks.end()) {
      Find(absl::StrCat("checkpoint ", plan_.newest.name, " names no ledger of this rank"), -1, attempt, rank);
      peeked.over = true;
      return peeked;
    }
    absl::StatusOr<std::unique_ptr<LedgerReader>> reader =
        ledgers_.Open(LedgerName({attempt, rank}), 0, LedgerLength(records->second));
    if (absl::IsDataLoss(reader.status()) || absl::IsNotFound(reader.status())) {
      Find(absl::IsNotFound(reader.status()) ? absl::StrCat("ledger ", LedgerName({attempt, rank}), " is missing")
                                             : std::string(reader.status().message()),
           -1, attempt, rank);
      // What is left of a shorter file still says which positions are missing.
      reader = ledgers_.Open(LedgerName({attempt, rank}), 0, -1);
    }
    if (absl::IsUnavailable(reader.status())) return reader.status();
    if (reader.ok()) {
      peeked.reader = *std::move(reader);
    } else {
      peeked.over = true;
    }
    AMAES_RETURN_IF_ERROR(Advance(peeked, attempt, rank));
    return peeked;
  }

  // The part of an attempt that counts: `step` is where it begins, and on return where it ends.
  absl::Status ReadAttempt(AttemptNumber number, const std::map<int, std::int64_t>& ranks, std::int64_t& step) {
    const std::optional<std::int64_t> world_size = WorldSizeOf(number);
    if (!world_size) {
      Find("the job has no such attempt, or of no possible world size", -1, number, -1);
      return absl::OkStatus();
    }
    for (const auto& [rank, records] : ranks) {
      if (rank >= *world_size) Find(absl::StrCat("the attempt has ", *world_size, " ranks"), -1, number, rank);
    }
    if (const auto began = plan_.began_at.find(number); began != plan_.began_at.end() && began->second != step) {
      Find(absl::StrCat("the attempt went on from step ", began->second, ", but the ledgers before it end at step ",
                        step),
           step * plan_.global_batch, number, -1);
    }
    const std::int64_t steps = StepsOf(*world_size, ranks);
    report_.attempts.push_back({number, *world_size, step, steps, 0});
    std::vector<Peeked> readers;
    std::vector<LaneRange> lanes;
    for (int rank = 0; rank < *world_size; ++rank) {
      AMAES_ASSIGN_OR_RETURN(Peeked peeked, Begin(number, rank, ranks));
      readers.push_back(std::move(peeked));
      lanes.push_back(LanesOf(rank, *world_size, plan_.global_batch, plan_.group));
    }
    for (const std::int64_t end = step + steps; step < end; ++step) {
      for (int rank = 0; rank < *world_size; ++rank) {
        for (std::int64_t lane = lanes[rank].first; lane < lanes[rank].last; ++lane) {
          AMAES_RETURN_IF_ERROR(Expect(step * plan_.global_batch + lane, number, rank, readers[rank]));
        }
      }
    }
    for (int rank = 0; rank < *world_size; ++rank) {
      while (readers[rank].next) {
        Find("read beyond the checkpoint's last step, or out of order", readers[rank].next->position, number, rank);
        AMAES_RETURN_IF_ERROR(Advance(readers[rank], number, rank));
      }
    }
    return absl::OkStatus();
  }

  // The rank's next record must be that of `position`.
  absl::Status Expect(std::int64_t position, AttemptNumber attempt, int rank, Peeked& peeked) {
    while (peeked.next && peeked.next->position < position) {
      Find("read a second time, or by a rank that the shard plan does not name", peeked.next->position, attempt, rank);
      AMAES_RETURN_IF_ERROR(Advance(peeked, attempt, rank));
    }
    if (!peeked.next || peeked.next->position != position) {
      Find(peeked.next ? absl::StrCat("no record of it; the next one is of position ", peeked.next->position)
                       : "no record of it",
           position, attempt, rank);
    } else {
      Check(*peeked.next, attempt, rank);
      AMAES_RETURN_IF_ERROR(Advance(peeked, attempt, rank));
    }
    if ((position + 1) % stream_.pass_length() == 0) EndPass(stream_.PassOf(position));
    return absl::OkStatus();
  }

  void Check(const LedgerRecord& record, AttemptNumber attempt, int rank) {
    ++report_.samples;
    const std::int64_t volume = stream_.VolumeAt(record.position);
    if (record.volume != volume) {
      Find(absl::StrCat("volume ", record.volume, " was read, the stream names ", volume), record.position, attempt,
           rank);
    }
    const std::vector<std::int64_t>& volumes = plan_.selection.volumes;
    const auto place = std::lower_bound(volumes.begin(), volumes.end(), record.volume);
    if (place != volumes.end() && *place == record.volume) ++visits_[static_cast<std::size_t>(place - volumes.begin())];
    if (record.skipped) {
      ++report_.skipped;
      if (report_.skips.size() < kMaxListed) report_.skips.push_back({record.position, record.volume, attempt, rank});
      if (!plan_.may_skip) Find("skipped, though the job's policy is to fail", record.position, attempt, rank);
    } else if (const auto skip = skipped_before_.find(record.position);
               skip != skipped_before_.end() && skip->second < attempt) {
      Find(absl::StrCat("attempt ", skip->second,
                        " skipped it, this one did not: the step was divided by another number"),
           record.position, attempt, rank);
    }
  }

  void EndPass(std::int64_t pass) {
    ++report_.whole_passes;
    for (std::size_t i = 0; i < visits_.size(); ++i) {
      if (visits_[i] != plan_.selection.Repeats(i)) {
        Find(absl::StrCat("pass ", pass, " visited volume ", plan_.selection.volumes[i], " ", visits_[i],
                          " times instead of ", plan_.selection.Repeats(i)),
             -1, -1, -1);
      }
      visits_[i] = 0;
    }
  }

  // What ledgers hold beyond the newest checkpoint: work that was done again, or is not in a checkpoint yet.
  absl::Status ReadTails() {
    AMAES_ASSIGN_OR_RETURN(const std::vector<std::string> names, ledgers_.List());
    std::vector<std::pair<LedgerId, std::string>> sorted;
    for (const std::string& name : names) {
      if (const std::optional<LedgerId> id = ParseLedgerName(name)) sorted.emplace_back(*id, name);
    }
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [id, name] : sorted) AMAES_RETURN_IF_ERROR(ReadTail(id, name));
    return absl::OkStatus();
  }

  absl::Status ReadTail(const LedgerId& id, const std::string& name) {
    const std::optional<std::int64_t> world_size = WorldSizeOf(id.attempt);
    if (!world_size || id.rank >= *world_size) {
      Find("a ledger of an attempt or rank that the job never had", -1, id.attempt, id.rank);
      return absl::OkStatus();
    }
    const LaneRange lanes = LanesOf(id.rank, *world_size, plan_.global_batch, plan_.group);
    const auto kept = plan_.newest.ledger.find(name);
    const std::int64_t first = kept == plan_.newest.ledger.end() ? 0 : LedgerRecords(kept->second).value_or(0);
    absl::StatusOr<std::unique_ptr<LedgerReader>> reader = ledgers_.Open(name, first, -1);
    if (absl::IsUnavailable(reader.status())) return reader.status();
    if (!reader.ok()) {
      if (first == 0) report_.notes.push_back(absl::StrCat(name, " was never flushed"));
      return absl::OkStatus();  // what counts of it is looked at by ReadAttempt
    }
    std::int64_t last = -1;
    while (true) {
      const absl::StatusOr<std::optional<LedgerRecord>> record = (*reader)->Next();
      if (absl::IsDataLoss(record.status())) {
        report_.notes.push_back(absl::StrCat(record.status().message(), ", after what any checkpoint needs"));
        return absl::OkStatus();
      }
      if (!record.ok()) return record.status();
      if (!record->has_value()) return absl::OkStatus();
      CheckTail(**record, id, lanes, last);
      last = (*record)->position;
    }
  }

  void CheckTail(const LedgerRecord& record, const LedgerId& id, const LaneRange& lanes, std::int64_t last) {
    const std::int64_t position = record.position;
    const auto wrong = [&](std::string what) { Find(std::move(what), position, id.attempt, id.rank); };
    if (position < 0) return wrong("no position");
    if (position <= last) return wrong("read a second time by the same attempt");
    const std::int64_t lane = position % plan_.global_batch;
    if (lane < lanes.first || lane >= lanes.last) return wrong("read by a rank that the shard plan does not name");
    if (position >= plan_.steps * plan_.global_batch) return wrong("read beyond the job's last step");
    if (const std::int64_t volume = stream_.VolumeAt(position); record.volume != volume) {
      wrong(absl::StrCat("volume ", record.volume, " was read, the stream names ", volume));
    }
    if (record.skipped) skipped_before_.emplace(position, id.attempt);
    if (position >= plan_.newest.step * plan_.global_batch) {
      ++report_.not_in_checkpoint;
    } else {
      ++report_.read_again;
      ++again_[id.attempt];
    }
  }

  const AuditPlan& plan_;
  LedgerSource& ledgers_;
  const SelectedStream stream_;
  AuditReport report_;
  std::vector<std::int64_t> visits_;                      // of the pass so far, by place in the selection
  std::map<std::int64_t, AttemptNumber> skipped_before_;  // position → first attempt that skipped it in vain
  std::map<AttemptNumber, std::int64_t> again_;
};

}  // namespace

std::unique_ptr<LedgerSource> FolderLedgers(std::filesystem::path folder) {
  return std::make_unique<Folder>(std::move(folder));
}

absl::StatusOr<AuditReport> Audit(const AuditPlan& plan, LedgerSource& ledgers) {
  if (plan.selection.size() == 0 || plan.global_batch < 1) {
    return absl::InvalidArgumentError("audit: no training volume, or no global batch");
  }
  return Auditor(plan, ledgers).Run();
}

}  // namespace amaes
