#include "services/cli/job_pictures_command.h"

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

absl::StatusOr<v1::ListJobPicturesResponse> ListAll(v1::JobService::Stub& stub, const std::string& job) {
  v1::ListJobPicturesRequest request;
  request.set_id(job);
  request.set_page_size(1000);
  v1::ListJobPicturesResponse all;
  do {
    AMAES_ASSIGN_OR_RETURN(const v1::ListJobPicturesResponse page,
                           Call(stub, &v1::JobService::Stub::ListJobPictures, request));
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  return all;
}

absl::StatusOr<std::string> ReadOne(v1::JobService::Stub& stub, const std::string& job, const std::string& name) {
  v1::ReadJobPictureRequest request;
  request.set_id(job);
  request.set_name(name);
  std::string png;
  const absl::Status status = CallWithRetry({.deadline = absl::Minutes(1)}, [&](absl::Duration) {
    png.clear();
    grpc::ClientContext call;
    const auto stream = stub.ReadJobPicture(&call, request);
    v1::FileChunk chunk;
    bool whole = true;
    while (stream->Read(&chunk)) {
      whole = whole && chunk.offset() == static_cast<std::int64_t>(png.size()) &&
              Crc32c(chunk.data().data(), chunk.data().size()) == chunk.crc32c();
      png += chunk.data();
    }
    const grpc::Status end = stream->Finish();
    if (!end.ok() || whole) return end;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, absl::StrCat(name, " was damaged on the way"));
  });
  if (!status.ok()) return status;
  return png;
}

absl::Status Save(v1::JobService::Stub& stub, const std::string& job, const v1::ListJobPicturesResponse& pictures,
                  const std::filesystem::path& folder, const Interrupts& interrupts) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  for (const v1::JobPicture& picture : pictures.pictures()) {
    if (interrupts.stop()) return absl::CancelledError("interrupted");
    if (picture.name().empty() || absl::StrContains(picture.name(), "/") || picture.name()[0] == '.') {
      return absl::DataLossError(absl::StrCat("the coordinator names a picture '", picture.name(), "': refused"));
    }
    const absl::StatusOr<std::string> png = ReadOne(stub, job, picture.name());
    if (absl::IsNotFound(png.status())) continue;  // thinned out since it was listed
    AMAES_RETURN_IF_ERROR(png.status());
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder / picture.name(), *png));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Pictures(Context& context, const std::string& job, const std::string& folder) {
  const auto stub = context.Stub<v1::JobService>();
  AMAES_ASSIGN_OR_RETURN(const v1::ListJobPicturesResponse pictures, ListAll(*stub, job));
  if (!folder.empty()) AMAES_RETURN_IF_ERROR(Save(*stub, job, pictures, folder, context.interrupts()));
  if (context.json()) {
    std::cout << ToJson(pictures);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::JobPicture& picture : pictures.pictures()) {
    rows.push_back({picture.name(), picture.step() < 0 ? "whole run" : FormatCount(picture.step()),
                    picture.split().empty() ? "-" : picture.split(), FormatBytes(picture.size())});
  }
  std::cout << FormatTable({"PICTURE", "STEP", "SPLIT", "SIZE"}, rows);
  if (!folder.empty()) std::cout << "saved in " << folder << "\n";
  return kExitOk;
}

}  // namespace

void AddJobPicturesCommand(CLI::App& jobs, Context& context) {
  CLI::App* command =
      AddCommand(jobs, "pictures", "Lists what the network made of fixed crops, validation by validation",
                 "amaes job pictures my-first-run --save ./pictures");
  auto job = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  command->add_option("job", *job, "Id or name of the job")->required();
  command->add_option("--save", *folder, "Downloads them into this folder");
  context.OnRun(command, [&context, job, folder] { return Pictures(context, *job, *folder); });
}

}  // namespace amaes
