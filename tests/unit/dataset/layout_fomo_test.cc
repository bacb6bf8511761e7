#include "libs/dataset/archive.h"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using FomoLayoutTest = LayoutTest;

TEST_F(FomoLayoutTest, ScansLieDirectlyInSessions) {
  Write({"sub_1/ses_1/t1.nii.gz", "sub_1/ses_1/flair.nii.gz", "sub_1/ses_1/scan_2.nii.gz", "sub_1/ses_1/mask.nii.gz",
         "loose.nii.gz", "README.md"});
  Write("mapping.tsv", "participant_id\tsession_id\tnew_filename\nsub_1\tses_1\tt1.nii.gz\n");
  Write("mri_info.tsv",
        "participant_id\tsession_id\tfilename\tManufacturer\tMagneticFieldStrength\tEchoTime\tRepetitionTime\n"
        "sub_1\tses_1\tsub_1/ses_1/t1.nii.gz\tGE\t1.5\t0.003\t0.0076\n"
        "sub_1\tses_1\tsub_1/ses_1/flair.nii.gz\tGE\t1.5\t120\t9000\n");
  Write("participants.tsv", "participant_id\tsession_id\tage\tsex\nsub_1\tses_1\t44\tF\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "fomo");
  const ScanFile t1 = Find(list, "sub_1/ses_1/t1.nii.gz");
  EXPECT_EQ(t1.subject, "sub_1");
  EXPECT_EQ(t1.session, "ses_1");
  EXPECT_EQ(t1.modality, "T1w");
  EXPECT_THAT(t1.info, UnorderedElementsAre(Pair("manufacturer", "GE"), Pair("field_strength_t", "1.5"),
                                            Pair("echo_time_ms", "3"), Pair("repetition_time_ms", "7.6"),
                                            Pair("age_years", "44"), Pair("sex", "F")));
  EXPECT_EQ(Find(list, "sub_1/ses_1/flair.nii.gz").info.at("repetition_time_ms"), "9000");
  EXPECT_EQ(Find(list, "sub_1/ses_1/scan_2.nii.gz").modality, "unknown");
  EXPECT_THAT(Rule(list, "loose.nii.gz"), HasSubstr("no sub-* folder"));
  EXPECT_THAT(Rule(list, "sub_1/ses_1/mask.nii.gz"), HasSubstr("label"));
}

// FOMO300K: data sets below one root, each with its own sub-01, sessions as archives, tables that name the data set.
TEST_F(FomoLayoutTest, DataSetsAndArchives) {
  WriteZip("PT001_A/sub-01/ses-01.zip", {{"anat/sub-01_ses-01_T1w.nii.gz", "x"}, {"anat/notes.txt", "y"}});
  WriteZip("PT030_OpenNeuro/ds000001/sub-01/ses-01.zip", {{"anat/sub-01_ses-01_T2w.nii.gz", "x"}});
  WriteZip("PT030_OpenNeuro/ds000001/sub-02.zip", {{"ses-01/flair.nii.gz", "x"}, {"ses-01/a.hdr", "x"}});
  Write("PT030_OpenNeuro/ds000001/sub-03/ses-01.zip", "no archive at all");
  Write("mri_info.tsv",
        "dataset\tparticipant_id\tsession_id\tfilename\tManufacturer\n"
        "PT001_A\tsub-01\tses-01\tsub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz\tSiemens\n"
        "PT030_OpenNeuro/ds000001\tsub-01\tses-01\tsub-01/ses-01/anat/sub-01_ses-01_T2w.nii.gz\tPhilips\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "fomo");
  EXPECT_THAT(Sources(list), ElementsAre("PT001_A/sub-01/ses-01.zip/anat/sub-01_ses-01_T1w.nii.gz",
                                         "PT030_OpenNeuro/ds000001/sub-01/ses-01.zip/anat/sub-01_ses-01_T2w.nii.gz",
                                         "PT030_OpenNeuro/ds000001/sub-02.zip/ses-01/flair.nii.gz"));
  const ScanFile& first = list.files[0];
  EXPECT_EQ(first.subject, "PT001_A/sub-01");
  EXPECT_EQ(first.collection, "PT001_A");
  EXPECT_EQ(first.session, "ses-01");
  EXPECT_EQ(first.modality, "T1w");
  EXPECT_EQ(first.path, root() / "PT001_A/sub-01/ses-01.zip");
  EXPECT_EQ(first.member, "anat/sub-01_ses-01_T1w.nii.gz");
  EXPECT_EQ(first.info.at("manufacturer"), "Siemens");
  EXPECT_EQ(list.files[1].subject, "PT030_OpenNeuro/ds000001/sub-01");
  EXPECT_EQ(list.files[1].info.at("manufacturer"), "Philips");
  EXPECT_EQ(list.files[2].session, "ses-01");
  EXPECT_THAT(Rule(list, "PT030_OpenNeuro/ds000001/sub-03/ses-01.zip"), HasSubstr("archive that cannot be listed"));
  EXPECT_THAT(Rule(list, "PT030_OpenNeuro/ds000001/sub-02.zip/ses-01/a.hdr"), HasSubstr("pair in an archive"));
  EXPECT_THAT(Rule(list, "PT001_A/sub-01/ses-01.zip/anat/notes.txt"), HasSubstr("not a scan: .txt"));
}

using ArchiveTest = LayoutTest;

TEST_F(ArchiveTest, ReadsOneMemberUpToALimit) {
  const std::string content(3'000'000, 'z');
  WriteZip("a.zip", {{"dir/big.nii", content}, {"empty.nii", ""}});
  const auto archive = root() / "a.zip";
  ASSERT_OK_AND_ASSIGN(const ArchiveList list, ListArchive(archive));
  ASSERT_EQ(list.members.size(), 2u);
  EXPECT_EQ(list.members[0].name, "dir/big.nii");
  EXPECT_EQ(list.members[0].bytes, content.size());
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadArchiveMember(archive, "dir/big.nii", content.size()));
  EXPECT_EQ(read, content);
  EXPECT_THAT(ReadArchiveMember(archive, "empty.nii", 0), IsOk());
  EXPECT_THAT(ReadArchiveMember(archive, "dir/big.nii", content.size() - 1),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too large")));
  EXPECT_THAT(ReadArchiveMember(archive, "none.nii", 10), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ReadArchiveMember(root() / "none.zip", "x", 10), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(ExtractArchiveMember(archive, "dir/big.nii", content.size(), root() / "out.nii"));
  EXPECT_EQ(*files::Read(root() / "out.nii"), content);
  EXPECT_FALSE(ExtractArchiveMember(archive, "dir/big.nii", 10, root() / "out2.nii").ok());
  EXPECT_FALSE(std::filesystem::exists(root() / "out2.nii"));
  EXPECT_THAT(ExtractArchiveMember(archive, "dir/big.nii", content.size(), root() / "out.nii"),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// An archive that understates a member's size is caught while it is read.
TEST_F(ArchiveTest, StatedSizesAreNotBelieved) {
  WriteZip("a.zip", {{"bomb.nii", std::string(5'000'000, '\0')}});
  std::string bytes = *files::Read(root() / "a.zip");
  const std::string stated("\x40\x4b\x4c\x00", 4), lie("\x10\x00\x00\x00", 4);
  int replaced = 0;
  for (std::size_t at = bytes.find(stated); at != std::string::npos; at = bytes.find(stated, at)) {
    bytes.replace(at, 4, lie);
    ++replaced;
  }
  ASSERT_EQ(replaced, 2);
  Write("lie.zip", bytes);
  const absl::StatusOr<std::string> read = ReadArchiveMember(root() / "lie.zip", "bomb.nii", 1000);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read,
              ::testing::AnyOf(StatusIs(absl::StatusCode::kResourceExhausted), StatusIs(absl::StatusCode::kDataLoss)));
}

TEST_F(ArchiveTest, DamageIsFound) {
  WriteZip("a.zip", {{"a.nii", "some bytes that are stored or deflated, whichever is shorter 0123456789"}});
  const std::string bytes = *files::Read(root() / "a.zip");
  for (std::size_t at = 30 + 5; at < 60; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    Write("damaged.zip", damaged);
    const auto read = ReadArchiveMember(root() / "damaged.zip", "a.nii", 1000);
    EXPECT_FALSE(read.ok()) << "byte " << at;
  }
  for (std::size_t size = 1; size < bytes.size(); size += 7) {
    EXPECT_FALSE(ListArchiveBytes(bytes.substr(0, size)).ok()) << size;
  }
}

TEST_F(ArchiveTest, HostileNamesAreRefused) {
  WriteZip("a.zip", {{"aa/evil.nii", "x"}, {"/bs.nii", "x"}, {"a/ok.nii", "x"}, {"back\\slash.nii", "x"}});
  std::string bytes = *files::Read(root() / "a.zip");
  for (std::size_t at = bytes.find("aa/evil"); at != std::string::npos; at = bytes.find("aa/evil")) {
    bytes.replace(at, 2, "..");
  }
  ASSERT_OK_AND_ASSIGN(const ArchiveList list, ListArchiveBytes(bytes));
  ASSERT_EQ(list.members.size(), 1u);
  EXPECT_EQ(list.members[0].name, "a/ok.nii");
  EXPECT_THAT(list.refused,
              UnorderedElementsAre(Pair("../evil.nii", HasSubstr("leads out")), Pair("/bs.nii", HasSubstr("absolute")),
                                   Pair("back\\slash.nii", HasSubstr("absolute"))));
}

TEST_F(ArchiveTest, EncryptedMembersAreRefused) {
  int error = 0;
  zip_t* archive = zip_open((root() / "a.zip").c_str(), ZIP_CREATE, &error);
  ASSERT_NE(archive, nullptr);
  const zip_int64_t index = zip_file_add(archive, "a.nii", zip_source_buffer(archive, "secret", 6, 0), 0);
  ASSERT_EQ(zip_file_set_encryption(archive, static_cast<zip_uint64_t>(index), ZIP_EM_TRAD_PKWARE, "word"), 0);
  ASSERT_EQ(zip_close(archive), 0);
  ASSERT_OK_AND_ASSIGN(const ArchiveList list, ListArchive(root() / "a.zip"));
  EXPECT_TRUE(list.members.empty());
  EXPECT_THAT(list.refused, ElementsAre(Pair("a.nii", HasSubstr("encrypted"))));
  EXPECT_THAT(ReadArchiveMember(root() / "a.zip", "a.nii", 100), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace amaes
