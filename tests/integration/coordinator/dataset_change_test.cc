// Exclude, forget, remove and verify, over gRPC.
#include <algorithm>
#include <fstream>

#include "libs/checkpoint/checkpoint.h"
#include "libs/dataset/exclusion.h"
#include "libs/dataset/ledger.h"
#include "tests/integration/coordinator/dataset_fixture.h"
#include "tests/integration/coordinator/server_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Service = v1::DatasetService;

// heads@1: P0 … P6, a T1w each (volumes 0 … 6), and a T2w of P0 (7).   heads@2: moreover P7 (8).
// other@1: volumes 1 and 0, the latter under another name.
class DatasetChangeTest : public ServerTest {
 protected:
  DatasetChangeTest() {
    coordinator_.reset();
    std::vector<TestScan> scans = {{"P0", "T2w", 7}};
    for (int i = 0; i < 7; ++i) scans.push_back({absl::StrCat("P", i), "T1w", i});
    WithStore([&](Store& store) {
      Retire(store, "brains");
      first_ = AddVersion(home_.path(), store, "heads", 1, scans);
      scans.push_back({"P7", "T1w", 8});
      AddVersion(home_.path(), store, "heads", 2, scans, &first_);
      AddVersion(home_.path(), store, "other", 1, {{"P1", "T1w", 1}, {"X9", "T1w", 0}});
    });
    Start();
  }

  template <typename Change>
  void WithStore(const Change& change) {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
    ASSERT_OK(store);
    change(**store);
  }

  void Start() {
    StartCoordinator();
    datasets_ = Service::NewStub(channel_);
  }

  static v1::ChangeDatasetRequest Request(const std::string& subject, const std::string& request_id) {
    v1::ChangeDatasetRequest request;
    request.set_name("heads");
    request.set_reason("consent withdrawn");
    request.set_request_id(request_id);
    if (!subject.empty()) request.mutable_selector()->add_subjects(subject);
    return request;
  }
  auto Exclude(const v1::ChangeDatasetRequest& request) {
    return Call(*datasets_, &Service::Stub::ExcludeVolumes, request, Once());
  }
  auto Forget(const v1::ChangeDatasetRequest& request) {
    return Call(*datasets_, &Service::Stub::ForgetVolumes, request, Once());
  }
  auto Remove(std::int64_t version, const std::string& request_id, bool dry_run = false) {
    v1::RemoveDatasetRequest request;
    request.set_name("heads");
    request.set_version(version);
    request.set_request_id(request_id);
    request.set_validate_only(dry_run);
    return Call(*datasets_, &Service::Stub::RemoveDataset, request, Once());
  }
  static CallOptions Once() {
    CallOptions options;
    options.retry_unavailable = false;
    options.deadline = absl::Minutes(1);
    return options;
  }

  absl::StatusOr<v1::DatasetVersion> GetVersion(std::int64_t version) {
    v1::GetDatasetVersionRequest request;
    request.set_name("heads");
    request.set_version(version);
    return Call(*datasets_, &Service::Stub::GetDatasetVersion, request);
  }
  std::filesystem::path Folder(std::int64_t version) {
    return home_.path() / "datasets" / "heads" / absl::StrCat(version);
  }
  std::set<std::string> Subjects(std::int64_t version) {
    const auto read = ReadVersion(Folder(version));
    EXPECT_OK(read);
    std::set<std::string> subjects;
    for (const CatalogueEntry& entry : read->entries) subjects.insert(entry.subject);
    return subjects;
  }

  // Every update of a verification; the status of the call.
  absl::Status Verify(const std::string& name, std::int64_t version, std::vector<v1::VerifyDatasetUpdate>& updates) {
    grpc::ClientContext context;
    v1::VerifyDatasetRequest request;
    request.set_name(name);
    request.set_version(version);
    const auto stream = datasets_->VerifyDataset(&context, request);
    v1::VerifyDatasetUpdate update;
    while (stream->Read(&update)) updates.push_back(update);
    return FromGrpcStatus(stream->Finish());
  }

  std::unique_ptr<Service::Stub> datasets_;
  DatasetVersion first_;
};

TEST_F(DatasetChangeTest, ExcludeMakesAVersionWithoutTheSubjectAndLeavesTheRest) {
  v1::ChangeDatasetRequest request = Request("P0", "r1");
  request.set_validate_only(true);
  const auto plan = Exclude(request);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->base_version(), 2);
  EXPECT_EQ(plan->version(), 3);
  EXPECT_EQ(plan->excluded_volumes(), 2);
  ASSERT_EQ(plan->selected_size(), 2);
  EXPECT_EQ(plan->selected(0).subject(), "P0");
  EXPECT_THAT(GetVersion(3), StatusIs(absl::StatusCode::kNotFound)) << "a dry run changes nothing";

  const auto done = Exclude(Request("P0", "r1"));
  ASSERT_OK(done);
  EXPECT_EQ(done->version(), 3);
  EXPECT_FALSE(done->replayed());
  EXPECT_THAT(Subjects(3), UnorderedElementsAre("P1", "P2", "P3", "P4", "P5", "P6", "P7"));
  const auto read = ReadVersion(Folder(3));
  ASSERT_THAT(read->exclusions, SizeIs(1));
  EXPECT_EQ(read->exclusions[0].value, SubjectKey("P0"));
  EXPECT_EQ(read->exclusions[0].reason, "consent withdrawn");
  const auto record = GetVersion(0);
  ASSERT_OK(record);
  EXPECT_EQ(record->version(), 3);
  EXPECT_EQ(record->made_by(), "exclude");
  EXPECT_EQ(record->digest(), read->digest);
  EXPECT_EQ(record->volumes(), 7);
  EXPECT_EQ(Subjects(2).size(), 8u) << "older versions stay";
  EXPECT_THAT(StoredVolumes(home_.path(), 9), SizeIs(9));
  EXPECT_FALSE(std::filesystem::exists(home_.path() / "datasets" / "heads" / ".change"));
}

TEST_F(DatasetChangeTest, ARepeatedRequestGivesTheSameVersionAndAnotherBodyIsRefused) {
  ASSERT_OK(Exclude(Request("P0", "r1")));
  const auto again = Exclude(Request("P0", "r1"));
  ASSERT_OK(again);
  EXPECT_TRUE(again->replayed());
  EXPECT_EQ(again->version(), 3);
  EXPECT_THAT(GetVersion(4), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(ReasonOf(Exclude(Request("P1", "r1")).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(Forget(Request("P0", "r1")).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(Exclude(Request("P1", "")).status()), "BAD_REQUEST_ID");
  const auto other_id = Exclude(Request("P0", "r2"));
  ASSERT_OK(other_id);
  EXPECT_TRUE(other_id->nothing_to_do());
  EXPECT_THAT(GetVersion(4), StatusIs(absl::StatusCode::kNotFound));
  v1::CreateJobRequest job = ServerTest::Request(1, "r1");
  EXPECT_EQ(ReasonOf(Call(*jobs_, &v1::JobService::Stub::CreateJob, job).status()), "REQUEST_ID_REUSED");
}

TEST_F(DatasetChangeTest, SelectorsThatFitNothingOrCannotBeReadChangeNothing) {
  EXPECT_EQ(ReasonOf(Exclude(Request("P99", "r1")).status()), "NOTHING_SELECTED");
  v1::ChangeDatasetRequest request = Request("P0", "r2");
  request.mutable_selector()->add_files("*.mgz");
  const absl::Status partly = Exclude(request).status();
  EXPECT_EQ(ReasonOf(partly), "NOTHING_SELECTED");
  EXPECT_THAT(partly.message(), HasSubstr("file '*.mgz'"));
  request = Request("", "r3");
  EXPECT_EQ(ReasonOf(Exclude(request).status()), "BAD_SELECTOR");
  request.mutable_selector()->set_filter("modality");
  EXPECT_EQ(ReasonOf(Exclude(request).status()), "BAD_SELECTOR");
  request.mutable_selector()->set_filter("modality=T1w|T2w");
  EXPECT_EQ(ReasonOf(Exclude(request).status()), "DATASET_EMPTY");
  request = Request("P0", "r4");
  request.clear_reason();
  EXPECT_EQ(ReasonOf(Exclude(request).status()), "BAD_SELECTOR");
  request = Request("P0", "r4");
  request.set_name("nothing");
  EXPECT_EQ(ReasonOf(Exclude(request).status()), "DATASET_NOT_FOUND");
  EXPECT_THAT(GetVersion(3), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DatasetChangeTest, ByFilterAndByFile) {
  v1::ChangeDatasetRequest request = Request("", "r1");
  request.mutable_selector()->set_filter("modality=T2w");
  request.mutable_selector()->add_files("P[34]/*");
  const auto done = Exclude(request);
  ASSERT_OK(done);
  EXPECT_EQ(done->excluded_volumes(), 3);
  EXPECT_THAT(Subjects(3), UnorderedElementsAre("P0", "P1", "P2", "P5", "P6", "P7"));
  const auto read = ReadVersion(Folder(3));
  ASSERT_OK(read);
  for (const Exclusion& exclusion : read->exclusions) EXPECT_EQ(exclusion.kind, "voxels");
}

TEST_F(DatasetChangeTest, ForgetRetiresWhatHoldsTheSubjectAndRemovesWhatNothingNeeds) {
  v1::ChangeDatasetRequest request = Request("P0", "r1");
  request.set_validate_only(true);
  const auto plan = Forget(request);
  ASSERT_OK(plan);
  EXPECT_THAT(plan->retired_versions(), ElementsAre(1, 2));
  EXPECT_EQ(plan->removed_volumes(), 1);
  EXPECT_GT(plan->removed_bytes(), 0);
  ASSERT_EQ(plan->kept_size(), 1) << "volume 0, which other@1 has";
  EXPECT_EQ(plan->kept(0).volume(), VolumeOf(0));
  EXPECT_EQ(plan->kept(0).needed_by(), "other@1");
  EXPECT_TRUE(std::filesystem::exists(Folder(1)));

  const auto done = Forget(Request("P0", "r1"));
  ASSERT_OK(done);
  EXPECT_EQ(done->version(), 3);
  EXPECT_FALSE(std::filesystem::exists(Folder(1)));
  EXPECT_FALSE(std::filesystem::exists(Folder(2)));
  EXPECT_THAT(Subjects(3), UnorderedElementsAre("P1", "P2", "P3", "P4", "P5", "P6", "P7"));
  EXPECT_EQ(StoredVolumes(home_.path(), 9), (std::set<int>{0, 1, 2, 3, 4, 5, 6, 8}));
  const auto retired = GetVersion(1);
  ASSERT_OK(retired) << "the record stays for the lineage";
  EXPECT_TRUE(retired->has_retire_time());
  EXPECT_EQ(retired->folder(), "");
  v1::ListVolumesRequest list;
  list.set_name("heads");
  list.set_version(1);
  EXPECT_EQ(ReasonOf(Call(*datasets_, &Service::Stub::ListVolumes, list).status()), "VERSION_RETIRED");
  v1::CreateJobRequest job = ServerTest::Request(1, "j1");
  job.mutable_spec()->mutable_pretrain()->mutable_dataset()->set_name("heads");
  job.mutable_spec()->mutable_pretrain()->mutable_dataset()->set_version(1);
  EXPECT_EQ(ReasonOf(Call(*jobs_, &v1::JobService::Stub::CreateJob, job).status()), "VERSION_RETIRED");

  // A second time there is nothing to do, and no file under the home names the subject.
  const auto again = Forget(Request("P0", "r2"));
  ASSERT_OK(again);
  EXPECT_TRUE(again->nothing_to_do());
  coordinator_.reset();
  for (const auto& file : std::filesystem::recursive_directory_iterator(home_.path() / "datasets" / "heads")) {
    if (file.path().extension() != ".json") continue;
    EXPECT_THAT(*files::Read(file.path()), Not(HasSubstr("P0"))) << file.path();
  }
  const auto store = files::Read(home_.path() / "store" / "amaes.db");
  ASSERT_OK(store);
  EXPECT_EQ(store->find("P0/"), std::string::npos);
}

TEST_F(DatasetChangeTest, ForgetTheReasonMustNotNameTheSubject) {
  v1::ChangeDatasetRequest request = Request("P0", "r1");
  request.set_reason("P0 asked for it");
  EXPECT_EQ(ReasonOf(Forget(request).status()), "BAD_SELECTOR");
}

TEST_F(DatasetChangeTest, AVersionInUseIsNotRetired) {
  v1::CreateJobRequest job = ServerTest::Request(1, "j1");
  job.mutable_spec()->mutable_pretrain()->mutable_dataset()->set_name("heads");
  job.mutable_spec()->mutable_pretrain()->mutable_dataset()->set_version(1);
  const auto created = Call(*jobs_, &v1::JobService::Stub::CreateJob, job);
  ASSERT_OK(created);
  const std::string& id = created->job().id();
  const absl::Status refused = Forget(Request("P0", "r1")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "VERSION_IN_USE");
  EXPECT_EQ(MetadataOf(refused).at("jobs"), id);
  EXPECT_EQ(ReasonOf(Remove(1, "r2").status()), "VERSION_IN_USE");
  EXPECT_EQ(ReasonOf(Remove(0, "r3").status()), "VERSION_IN_USE");
  EXPECT_TRUE(std::filesystem::exists(Folder(1)));
  EXPECT_THAT(GetVersion(3), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Exclude(Request("P0", "r4"))) << "leaves version 1 alone";
  v1::CancelJobRequest cancel;
  cancel.set_id(id);
  ASSERT_OK(Call(*jobs_, &v1::JobService::Stub::CancelJob, cancel));
  const auto done = Forget(Request("P0", "r1"));
  ASSERT_OK(done) << "the refused request id may be used again";
  EXPECT_THAT(done->retired_versions(), ElementsAre(1, 2));
  EXPECT_EQ(done->version(), 0) << "the newest version holds nothing of it";
  ASSERT_EQ(done->witnesses_size(), 1);
  EXPECT_EQ(done->witnesses(0).job(), id);
  EXPECT_EQ(done->witnesses(0).saw(), "not_read") << "it never started";
}

TEST_F(DatasetChangeTest, LedgersTellWhichCheckpointsSawTheSubject) {
  const std::vector<std::int64_t> training = first_.Indices(Split::kTrain);
  std::int64_t seen = -1, unseen = -1;
  std::string subject;
  for (std::size_t i = 0; i < training.size(); ++i) {
    const CatalogueEntry& entry = first_.entries[static_cast<std::size_t>(training[i])];
    if (entry.subject == "P0") continue;
    (seen < 0 ? seen : unseen) = static_cast<std::int64_t>(i);
    if (subject.empty()) subject = entry.subject;
  }
  coordinator_.reset();
  // One step of volume `unseen`, then one of `seen`: a checkpoint after each.
  const JobId job("job-w");
  const std::filesystem::path folder = home_.path() / "jobs" / job.value;
  ASSERT_OK(files::MakeFolders(folder / "ledger"));
  const auto ledger = LedgerWriter::Open(folder / "ledger" / "1-0.ledger", 0);
  ASSERT_OK(ledger);
  WithStore([&](Store& store) {
    JobRecord record;
    record.id = job;
    record.kind = "pretrain";
    record.state = JobState::kSucceeded;
    record.attempt = 1;
    record.dataset = "heads@1";
    ASSERT_OK(store.Write([&](StoreTransaction& transaction) { return transaction.PutJob(record); }));
    for (std::int64_t step : {1, 2}) {
      (*ledger)->Append({.position = step - 1, .volume = step == 1 ? unseen : seen, .skipped = false});
      const auto length = (*ledger)->Flush();
      ASSERT_OK(length);
      CheckpointManifest manifest;
      manifest.job = job.value;
      manifest.attempt = 1;
      manifest.step = manifest.position = step;
      manifest.spec_json = manifest.contract_json = "{}";
      manifest.ledger = {{"1-0.ledger", *length}};
      const std::string name = CheckpointName(step, 1);
      ASSERT_OK(files::MakeFolders(folder / "checkpoints" / (name + ".tmp")));
      ASSERT_OK(CommitCheckpoint(folder / "checkpoints" / name, manifest));
      CheckpointRecord checkpoint;
      checkpoint.job = job;
      checkpoint.name = name;
      checkpoint.step = step;
      ASSERT_OK(store.Write([&](StoreTransaction& transaction) { return transaction.PutCheckpoint(checkpoint); }));
    }
    CheckpointRecord lost;
    lost.job = job;
    lost.name = "00000003-001";
    ASSERT_OK(store.Write([&](StoreTransaction& transaction) { return transaction.PutCheckpoint(lost); }));
  });
  Start();
  v1::ChangeDatasetRequest request = Request(subject, "r1");
  request.set_validate_only(true);
  const auto plan = Forget(request);
  ASSERT_OK(plan);
  std::map<std::string, std::string> saw;
  for (const auto& witness : plan->witnesses()) saw[witness.checkpoint()] = witness.saw();
  EXPECT_EQ(saw, (std::map<std::string, std::string>{{"", "trained"},
                                                     {CheckpointName(1, 1), "not_read"},
                                                     {CheckpointName(2, 1), "trained"},
                                                     {"00000003-001", "unknown"}}));
  request.set_validate_only(false);
  ASSERT_OK(Forget(request));
  // Of another subject nobody can tell any more what version 1 held; that is said.
  const auto later = Forget(Request("P7", "r2"));
  ASSERT_OK(later);
  ASSERT_EQ(later->witnesses_size(), 1);
  EXPECT_EQ(later->witnesses(0).saw(), "unknown");
}

TEST_F(DatasetChangeTest, RemoveOneVersionThenAll) {
  const auto plan = Remove(2, "", /*dry_run=*/true);
  ASSERT_OK(plan);
  EXPECT_EQ(plan->removed_volumes(), 1) << "of P7";
  const auto one = Remove(2, "r1");
  ASSERT_OK(one);
  EXPECT_EQ(StoredVolumes(home_.path(), 9), (std::set<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(GetVersion(0)->version(), 1) << "the newest that is left";
  EXPECT_EQ(ReasonOf(Remove(2, "r2").status()), "VERSION_RETIRED");
  const auto excluded = Exclude(Request("P0", "r3"));
  ASSERT_OK(excluded);
  EXPECT_EQ(excluded->version(), 3) << "numbers are not used twice";
  const auto all = Remove(0, "r4");
  ASSERT_OK(all);
  EXPECT_THAT(all->retired_versions(), ElementsAre(1, 3));
  EXPECT_EQ(StoredVolumes(home_.path(), 9), (std::set<int>{0, 1}));
  EXPECT_EQ(ReasonOf(GetVersion(0).status()), "DATASET_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Remove(0, "r5").status()), "DATASET_NOT_FOUND");
  EXPECT_TRUE(Remove(0, "r4")->replayed());
}

TEST_F(DatasetChangeTest, NothingIsRemovedWhileACatalogueThatMightNeedItCannotBeRead) {
  std::ofstream(home_.path() / "datasets" / "other" / "1" / "catalogue.jsonl.zst") << "torn";
  EXPECT_EQ(ReasonOf(Forget(Request("P0", "r1")).status()), "CATALOGUE_DAMAGED");
  EXPECT_THAT(StoredVolumes(home_.path(), 9), SizeIs(9));
  EXPECT_TRUE(std::filesystem::exists(Folder(1)));
  v1::RemoveDatasetRequest request;
  request.set_name("other");
  request.set_request_id("r2");
  const auto removed = Call(*datasets_, &Service::Stub::RemoveDataset, request);
  ASSERT_OK(removed) << "the damaged one itself can go";
  EXPECT_THAT(removed->notes(), ElementsAre(HasSubstr("cannot be read")));
  EXPECT_OK(Forget(Request("P0", "r3")));
}

TEST_F(DatasetChangeTest, VerifyNamesDamageAndGoesOn) {
  std::vector<v1::VerifyDatasetUpdate> updates;
  ASSERT_OK(Verify("heads", 0, updates));
  EXPECT_TRUE(updates.back().finished());
  EXPECT_EQ(updates.back().dataset_version(), "heads@2");
  EXPECT_EQ(updates.back().volumes(), 9);
  EXPECT_EQ(updates.back().done(), 9);
  EXPECT_EQ(updates.back().damaged(), 0);

  const std::filesystem::path path = VolumePath(home_.path() / "volumes", VolumeOf(3));
  std::string content = *files::Read(path);
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 4);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  std::filesystem::remove(VolumePath(home_.path() / "volumes", VolumeOf(8)));
  updates.clear();
  ASSERT_OK(Verify("heads", 2, updates));
  EXPECT_TRUE(updates.back().finished());
  EXPECT_EQ(updates.back().damaged(), 2);
  std::map<std::string, v1::VerifyDatasetUpdate::Damage> found;
  for (const auto& update : updates) {
    for (const auto& damage : update.damage()) found[damage.volume()] = damage;
  }
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[VolumeOf(3)].subject(), "P3");
  EXPECT_EQ(found[VolumeOf(3)].source(), "P3/T1w.nii.gz");
  EXPECT_EQ(found[VolumeOf(3)].chunk(), 0);
  EXPECT_EQ(found[VolumeOf(8)].chunk(), -1);

  std::ofstream(Folder(2) / "catalogue.jsonl.zst") << "torn";
  EXPECT_EQ(ReasonOf(Verify("heads", 2, updates)), "CATALOGUE_DAMAGED");
  EXPECT_EQ(ReasonOf(Verify("nothing", 0, updates)), "DATASET_NOT_FOUND");
}

}  // namespace
}  // namespace amaes
