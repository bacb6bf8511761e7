// Reports, contact sheets and the pages of datasets.
#include <httplib.h>

#include <fstream>

#include "tests/integration/coordinator/dataset_fixture.h"
#include "tests/integration/coordinator/server_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Service = v1::DatasetService;

class DatasetReportTest : public ServerTest {
 protected:
  DatasetReportTest() {
    coordinator_.reset();
    {
      absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
      EXPECT_OK(store);
      Retire(**store, "brains");
      std::vector<TestScan> scans;
      for (int i = 0; i < 6; ++i) scans.push_back({absl::StrCat("P", i), i < 4 ? "T1w" : "FLAIR", i});
      AddVersion(home_.path(), **store, "heads", 1, scans);
    }
    StartCoordinator();
    datasets_ = Service::NewStub(channel_);
  }

  static v1::GetDatasetVersionRequest Request(const std::string& name, std::int64_t version) {
    v1::GetDatasetVersionRequest request;
    request.set_name(name);
    request.set_version(version);
    return request;
  }

  absl::StatusOr<std::vector<v1::ContactSheetRow>> Sheet() {
    grpc::ClientContext context;
    const auto stream = datasets_->ReadContactSheet(&context, Request("heads", 0));
    std::vector<v1::ContactSheetRow> rows;
    v1::ContactSheetRow row;
    while (stream->Read(&row)) rows.push_back(row);
    const absl::Status end = FromGrpcStatus(stream->Finish());
    if (!end.ok()) return end;
    return rows;
  }

  httplib::Result Get(const std::string& path) {
    return httplib::Client("http://" + coordinator_->addresses().http).Get(path.c_str());
  }

  std::unique_ptr<Service::Stub> datasets_;
};

TEST_F(DatasetReportTest, CountsComeOverTheWire) {
  const auto report = Call(*datasets_, &Service::Stub::GetDatasetReport, Request("heads", 0));
  ASSERT_OK(report);
  EXPECT_EQ(report->name(), "heads");
  EXPECT_EQ(report->version(), 1);
  EXPECT_EQ(report->volumes(), 6);
  EXPECT_EQ(report->subjects(), 6);
  EXPECT_EQ(report->voxels(), 6 * 24 * 20 * 16);
  bool modality = false;
  for (const auto& table : report->tables()) {
    if (table.title() != "modality") continue;
    modality = true;
    ASSERT_EQ(table.rows_size(), 2);
    EXPECT_EQ(table.rows(0).label(), "T1w");
    EXPECT_EQ(table.rows(0).volumes(), 4);
    EXPECT_EQ(table.rows(0).subjects(), 4);
  }
  EXPECT_TRUE(modality);
  EXPECT_EQ(ReasonOf(Call(*datasets_, &Service::Stub::GetDatasetReport, Request("none", 0)).status()),
            "DATASET_NOT_FOUND");
}

TEST_F(DatasetReportTest, AContactSheetHasPicturesOrSaysWhyNot) {
  std::ofstream(VolumePath(home_.path() / "volumes", VolumeOf(2))) << "torn";
  const auto rows = Sheet();
  ASSERT_OK(rows);
  ASSERT_THAT(*rows, SizeIs(6));
  int broken = 0;
  for (const v1::ContactSheetRow& row : *rows) {
    if (!row.problem().empty()) {
      ++broken;
      EXPECT_EQ(row.subject(), "P2");
      EXPECT_EQ(row.axial(), "");
      continue;
    }
    for (const std::string& png : {row.axial(), row.coronal(), row.sagittal()}) EXPECT_THAT(png, StartsWith("\x89PNG"));
  }
  EXPECT_EQ(broken, 1);
}

TEST_F(DatasetReportTest, TheOwnersPages) {
  auto list = Get("/datasets");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->status, 200);
  EXPECT_THAT(list->body, AllOf(HasSubstr("href=\"/datasets/heads/1\""), HasSubstr("brains@1")));
  auto start = Get("/");
  ASSERT_TRUE(start);
  EXPECT_THAT(start->body, AllOf(HasSubstr("href=\"/datasets\""), HasSubstr("href=\"/datasets/heads/1\"")));
  for (int i = 0; i < 2; ++i) {
    auto page = Get("/datasets/heads/1");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->status, 200);
    EXPECT_THAT(page->body, AllOf(HasSubstr("P3/T1w.nii.gz"), HasSubstr("data:image/png;base64,"), HasSubstr("bad.nii"),
                                  Not(HasSubstr("<script"))));
  }
  for (const char* path : {"/datasets/heads/2", "/datasets/heads/0", "/datasets/heads", "/datasets/heads/x",
                           "/datasets/../store/1", "/datasets/none/1"}) {
    auto missing = Get(path);
    ASSERT_TRUE(missing) << path;
    EXPECT_EQ(missing->status, 404) << path;
  }
}

TEST_F(DatasetReportTest, APageOfAForgottenVersionIsGone) {
  ASSERT_TRUE(Get("/datasets/heads/1"));
  v1::ChangeDatasetRequest request;
  request.set_name("heads");
  request.set_reason("withdrawn");
  request.set_request_id("r1");
  request.mutable_selector()->add_subjects("P0");
  ASSERT_OK(Call(*datasets_, &Service::Stub::ForgetVolumes, request));
  auto gone = Get("/datasets/heads/1");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->status, 404);
  EXPECT_THAT(gone->body, AllOf(HasSubstr("was given up"), Not(HasSubstr("P0"))));
  auto next = Get("/datasets/heads/2");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
  EXPECT_THAT(next->body, AllOf(HasSubstr("withdrawn"), HasSubstr("P1/"), Not(HasSubstr("P0/"))));
}

}  // namespace
}  // namespace amaes
