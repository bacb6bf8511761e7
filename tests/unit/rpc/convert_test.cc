#include "libs/rpc/convert.h"

#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/spec/fields.h"

namespace amaes {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::IsEmpty;

JobSpec OddPretrain() {
  JobSpec spec;
  spec.name = "odd";
  spec.priority = 0;
  PretrainSpec& p = spec.pretrain;
  p.dataset = {"brains", 3, "abc", "modality=T1w", "collection=A:2", "beef"};
  p.network = {"unet", 24, "standard", "on", "/nets/a.pt", "backbone", "cafe", 12};
  p.patch = Cube(96);
  p.mask = {0.75, 8};
  p.loss.region = "masked";
  p.optimizer = {3e-4, 0.5, 0.6, 1e-6, 0, 0.25};
  p.guard = {3.5, 0};
  p.ema.decay = 0.75;
  p.schedule = {1234, 5, 0, 0.5};
  p.global_batch = 7;
  p.micro_batch = 2;
  p.workers = 3;
  p.device = "gpu";
  p.precision = "bf16";
  p.deterministic = true;
  p.threads_per_worker = 9;
  p.seed = 18446744073709551615u;
  p.checkpoint = {11, 0, "loss"};
  p.validation = {0, 1};
  p.loader = {5, 6, 99, "skip"};
  p.restart = {0, 1};
  return spec;
}

JobSpec OddIngest() {
  JobSpec spec;
  spec.kind = JobKind::kIngest;
  spec.name = "odd-ingest";
  spec.priority = 100;
  spec.ingest = {"brains",     "/data/scans", "bids", "openmind", "zscore", "1x1x2", true, "split",
                 "quarantine", false,         0.25,   2,          3,        1,       2};
  return spec;
}

TEST(ConvertSpec, EveryFieldSurvives) {
  for (const JobSpec& spec : {OddPretrain(), OddIngest(), JobSpec()}) {
    const ParsedSpec back = ToJobSpec(ToProto(spec));
    EXPECT_THAT(back.problems, IsEmpty());
    EXPECT_EQ(SpecToJson(back.spec), SpecToJson(spec));
  }
}

// Dotted paths of all ends of a message.
void Paths(const google::protobuf::Descriptor& message, const std::string& prefix, std::vector<std::string>& out) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    const std::string path = absl::StrCat(prefix, prefix.empty() ? "" : ".", field.name());
    if (field.message_type() == nullptr) {
      out.push_back(path);
    } else {
      Paths(*field.message_type(), path, out);
    }
  }
}

TEST(ConvertSpec, EveryFieldOfTheProtobufHasARowInTheTableAndEveryRowAField) {
  for (const auto& [kind, message] :
       {std::pair<JobKind, const google::protobuf::Descriptor*>{JobKind::kPretrain, v1::PretrainSpec::descriptor()},
        {JobKind::kFinetune, v1::FinetuneSpec::descriptor()},
        {JobKind::kEvaluate, v1::EvaluateSpec::descriptor()},
        {JobKind::kIngest, v1::IngestSpec::descriptor()}}) {
    std::vector<std::string> paths;
    const google::protobuf::Descriptor& job = *v1::JobSpec::descriptor();
    for (int i = 0; i < job.field_count(); ++i) {
      if (job.field(i)->message_type() == nullptr) paths.push_back(job.field(i)->name());
    }
    Paths(*message, "", paths);
    std::vector<std::string> rows;
    for (const Field& field : SpecFields()) {
      if (field.kinds.contains(kind)) rows.push_back(field.path);
    }
    EXPECT_THAT(paths, ::testing::UnorderedElementsAreArray(rows)) << JobKindName(kind);
  }
}

TEST(ConvertSpec, FieldsLeftOutTakeTheirDefaults) {
  EXPECT_EQ(SpecToJson(ToJobSpec(v1::JobSpec()).spec), SpecToJson(JobSpec()));
  v1::JobSpec ingest;
  ingest.set_kind(v1::JOB_KIND_INGEST);
  ingest.mutable_ingest();
  JobSpec wanted;
  wanted.kind = JobKind::kIngest;
  EXPECT_EQ(SpecToJson(ToJobSpec(ingest).spec), SpecToJson(wanted));
}

TEST(ConvertSpec, AnExplicitZeroIsSeen) {
  v1::JobSpec proto;
  proto.set_priority(0);
  proto.mutable_pretrain()->mutable_optimizer()->set_weight_decay(0);
  proto.mutable_pretrain()->mutable_validation()->set_every_steps(0);
  const JobSpec spec = ToJobSpec(proto).spec;
  EXPECT_EQ(spec.priority, 0);
  EXPECT_EQ(spec.pretrain.optimizer.weight_decay, 0);
  EXPECT_EQ(spec.pretrain.validation.every_steps, 0);
}

TEST(ConvertSpec, AGroupOfTheOtherKindIsAProblem) {
  v1::JobSpec proto;
  proto.mutable_ingest()->set_dataset("x");
  EXPECT_EQ(ToJobSpec(proto).problems.size(), 1u);
  proto.set_kind(v1::JOB_KIND_INGEST);
  EXPECT_THAT(ToJobSpec(proto).problems, IsEmpty());
  proto.set_kind(static_cast<v1::JobKind>(77));
  EXPECT_FALSE(ToJobSpec(proto).problems.empty());
}

// Sets every field of a message, so that a field that a conversion forgets shows.
void Fill(google::protobuf::Message* message, int& next) {
  const auto* descriptor = message->GetDescriptor();
  const auto* reflection = message->GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    ++next;
    using F = google::protobuf::FieldDescriptor;
    if (field->cpp_type() == F::CPPTYPE_MESSAGE) {
      Fill(field->is_repeated() ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field),
           next);
    } else if (field->is_repeated()) {
      continue;
    } else if (field->cpp_type() == F::CPPTYPE_STRING) {
      reflection->SetString(message, field, "text" + std::to_string(next));
    } else if (field->cpp_type() == F::CPPTYPE_INT64) {
      reflection->SetInt64(message, field, next);
    } else if (field->cpp_type() == F::CPPTYPE_INT32) {
      reflection->SetInt32(message, field, next);
    } else if (field->cpp_type() == F::CPPTYPE_DOUBLE) {
      reflection->SetDouble(message, field, next);
    } else if (field->cpp_type() == F::CPPTYPE_ENUM) {
      reflection->SetEnumValue(message, field, 2);
    }
  }
}

template <typename Message>
Message Filled() {
  Message message;
  int next = 0;
  Fill(&message, next);
  return message;
}

TEST(ConvertRecords, Checkpoint) {
  v1::Checkpoint proto = Filled<v1::Checkpoint>();
  proto.clear_folder();  // from the settings, not from the record
  proto.clear_files();   // from the folder
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToCheckpointRecord(proto)), proto))
      << ToProto(ToCheckpointRecord(proto)).DebugString();
}

TEST(ConvertRecords, Dataset) {
  v1::DatasetVersion proto = Filled<v1::DatasetVersion>();
  proto.clear_folder();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToDatasetRecord(proto)), proto));
}

TEST(ConvertRecords, Event) {
  const v1::JobEvent proto = Filled<v1::JobEvent>();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToEventRecord(proto)), proto));
}

TEST(ConvertRecords, IngestReport) {
  const v1::IngestReport proto = Filled<v1::IngestReport>();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToIngestReport(proto)), proto));
}

TEST(ConvertRecords, DatasetReport) {
  const v1::DatasetReport proto = Filled<v1::DatasetReport>();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToDatasetReport(proto)), proto));
}

TEST(ConvertRecords, Estimate) {
  const v1::SpecEstimate proto = Filled<v1::SpecEstimate>();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToSpecEstimate(proto)), proto));
}

TEST(ConvertRecords, Node) {
  v1::Node proto = Filled<v1::Node>();
  proto.clear_state();
  proto.clear_heartbeat_time();
  for (const char* device : {"cpu", "gpu"}) {
    proto.mutable_slots(0)->set_device(device);
    proto.mutable_slots(0)->clear_job();
    proto.mutable_slots(0)->clear_rank();
    EXPECT_TRUE(MessageDifferencer::Equals(ToProto(ToNodeInfo(proto)), proto));
  }
}

TEST(ConvertRecords, NodeStateSaysWhatRunsOnIt) {
  NodeState state;
  state.info = ToNodeInfo(Filled<v1::Node>());
  state.ready = true;
  state.used[state.info.slots[0].index] = {JobId("job-1"), 2, 3};
  const v1::Node proto = ToProto(state);
  EXPECT_EQ(proto.state(), "ready");
  EXPECT_EQ(proto.slots(0).job(), "job-1");
  EXPECT_EQ(proto.slots(0).rank(), 3);
}

TEST(ConvertEnums, EveryStateSurvives) {
  for (int state = v1::JobState_MIN + 1; state <= v1::JobState_MAX; ++state) {
    EXPECT_EQ(ToProto(ToJobState(static_cast<v1::JobState>(state))), state);
  }
  for (int state = v1::CheckpointState_MIN + 1; state <= v1::CheckpointState_MAX; ++state) {
    const CheckpointState domain = ToCheckpointState(static_cast<v1::CheckpointState>(state));
    EXPECT_EQ(ToProto(domain), state);
    EXPECT_EQ(*ParseCheckpointState(CheckpointStateName(domain)), domain);
  }
  EXPECT_EQ(ToCheckpointState(static_cast<v1::CheckpointState>(99)), CheckpointState::kCorrupt);
}

TEST(ConvertTime, SurvivesToTheNanosecond) {
  const absl::Time time = absl::FromUnixNanos(1'800'000'000'123'456'789);
  EXPECT_EQ(ToTime(ToTimestamp(time)), time);
  EXPECT_EQ(ToTime(google::protobuf::Timestamp()), absl::InfinitePast());
  EXPECT_FALSE(IsTimestamp(absl::InfinitePast()));
  EXPECT_FALSE(ToProto(CheckpointRecord{.created = absl::InfinitePast()}).has_create_time());
}

}  // namespace
}  // namespace amaes
