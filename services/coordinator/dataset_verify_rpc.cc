// DatasetService.VerifyDataset: reads every stored byte of a version.
#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/verify.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/dataset_service.h"

namespace amaes {
namespace {

// Disks and file servers, not cores, are the limit; and the coordinator has other things to do.
constexpr unsigned kThreads = 4;
constexpr absl::Duration kUpdatePeriod = absl::Milliseconds(500);

void Add(const VolumeDamage& damage, v1::VerifyDatasetUpdate& update) {
  v1::VerifyDatasetUpdate::Damage* out = update.add_damage();
  out->set_volume(damage.volume);
  out->set_subject(damage.subject);
  out->set_source(damage.source);
  out->set_part(damage.part);
  out->set_chunk(damage.chunk);
  out->set_problem(damage.problem);
}

}  // namespace

grpc::Status DatasetServiceImpl::VerifyDataset(grpc::ServerContext* context, const v1::VerifyDatasetRequest* request,
                                               grpc::ServerWriter<v1::VerifyDatasetUpdate>* writer) {
  return ToGrpcStatus(Verify(*context, *request, *writer));
}

absl::Status DatasetServiceImpl::Verify(grpc::ServerContext& context, const v1::VerifyDatasetRequest& request,
                                        grpc::ServerWriter<v1::VerifyDatasetUpdate>& writer) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine_.store(), request.name(), request.version()));
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion version,
                         ReadCatalogue(record, engine_.DatasetFolder(record.name, record.version)));
  v1::VerifyDatasetUpdate update;
  update.set_dataset_version(absl::StrCat(record.name, "@", record.version));
  absl::Duration sent = -absl::InfiniteDuration();
  VerifyProgress last;
  VerifyCallbacks callbacks;
  callbacks.on_damage = [&](const VolumeDamage& damage) { Add(damage, update); };
  callbacks.on_progress = [&](const VerifyProgress& progress) {
    last = progress;
    const absl::Duration now = SystemClock().Monotonic();
    if (context.IsCancelled() || engine_.stopped()) return false;
    if (now - sent < kUpdatePeriod && update.damage().empty()) return true;
    sent = now;
    update.set_volumes(progress.files);
    update.set_done(progress.done);
    update.set_bytes(progress.bytes);
    update.set_bytes_done(progress.bytes_done);
    update.set_damaged(progress.damaged);
    const bool open = writer.Write(update);
    update.clear_damage();
    return open;
  };
  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kThreads));
  const absl::Status status = VerifyVersion(version, engine_.options().home / "volumes", threads, callbacks);
  if (!status.ok()) {
    return engine_.stopped() ? absl::UnavailableError("the coordinator is stopping") : status;
  }
  update.set_volumes(last.files);
  update.set_done(last.done);
  update.set_bytes(last.bytes);
  update.set_bytes_done(last.bytes_done);
  update.set_damaged(last.damaged);
  update.set_finished(true);
  writer.Write(update);
  LogInfo("coordinator", "dataset verified",
          {{"dataset", update.dataset_version()}, {"files", last.files}, {"damaged", last.damaged}});
  return absl::OkStatus();
}

}  // namespace amaes
