#include "services/coordinator/log_reader.h"

#include <fstream>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogReaderTest : public ::testing::Test {
 protected:
  void Append(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name, std::ios::app | std::ios::binary) << text;
  }
  std::vector<std::string> Read(LogCursor& cursor, bool to_end = false, std::set<int> ranks = {}) {
    std::vector<std::string> lines;
    const LogReader reader(folder_.path(), std::move(ranks));
    EXPECT_OK(reader.Read(cursor, to_end, [&](const LogText& text, const LogCursor& after) {
      lines.push_back(std::to_string(text.rank) + " " + text.text);
      EXPECT_EQ(*ParseCursor(CursorText(after)), after);
      last_ = after;
      return true;
    }));
    return lines;
  }
  TempDir folder_;
  LogCursor last_;
};

TEST_F(LogReaderTest, LinesComeOnceAndInOrder) {
  LogCursor cursor{1, {}};
  EXPECT_THAT(Read(cursor), IsEmpty());
  Append("001-000.log", "a\nb\nhalf");
  Append("001-001.log", "x\n");
  Append("002-000.log", "other attempt\n");
  EXPECT_THAT(Read(cursor), ElementsAre("0 a", "0 b", "1 x"));
  EXPECT_THAT(Read(cursor), IsEmpty());
  Append("001-000.log", " and half\n\nlast");
  EXPECT_THAT(Read(cursor), ElementsAre("0 half and half", "0 "));
  EXPECT_THAT(Read(cursor, true), ElementsAre("0 last"));
}

TEST_F(LogReaderTest, EveryCursorIsAPlaceToGoOnFrom) {
  Append("001-000.log", "a\nb\nc\n");
  Append("001-001.log", "x\ny\n");
  const LogReader reader(folder_.path(), {});
  for (int stop = 1; stop <= 5; ++stop) {
    std::vector<std::string> lines;
    LogCursor cursor{1, {}}, seen;
    ASSERT_OK(reader.Read(cursor, true, [&](const LogText& text, const LogCursor& after) {
      lines.push_back(text.text);
      seen = after;
      return static_cast<int>(lines.size()) < stop;
    }));
    cursor = *ParseCursor(CursorText(seen));
    ASSERT_OK(reader.Read(cursor, true, [&](const LogText& text, const LogCursor&) {
      lines.push_back(text.text);
      return true;
    }));
    EXPECT_THAT(lines, ElementsAre("a", "b", "c", "x", "y")) << stop;
  }
}

TEST_F(LogReaderTest, OnlyTheWantedRanks) {
  Append("001-000.log", "a\n");
  Append("001-001.log", "b\n");
  Append("001-notarank.log", "c\n");
  LogCursor cursor{1, {}};
  EXPECT_THAT(Read(cursor, false, {1}), ElementsAre("1 b"));
}

TEST_F(LogReaderTest, TheLastLines) {
  Append("001-000.log", "a\nb\nc\n");
  Append("001-001.log", "x\ny");
  Append("001-002.log", "");
  const LogReader reader(folder_.path(), {});
  LogCursor cursor = reader.Tail(1, 2);
  EXPECT_THAT(Read(cursor, true), ElementsAre("0 b", "0 c", "1 x", "1 y"));
  cursor = reader.Tail(1, 1);
  EXPECT_THAT(Read(cursor, true), ElementsAre("0 c", "1 y"));
  cursor = reader.Tail(1, 99);
  EXPECT_THAT(Read(cursor, true), ElementsAre("0 a", "0 b", "0 c", "1 x", "1 y"));
}

TEST_F(LogReaderTest, TheLastLinesOfALongFile) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
  Append("001-000.log", text);
  const LogReader reader(folder_.path(), {});
  for (const int lines : {1, 3, 40'000, 99'999, 100'000, 200'000}) {
    LogCursor cursor = reader.Tail(1, lines);
    const std::vector<std::string> read = Read(cursor);
    ASSERT_EQ(read.size(), std::min<std::size_t>(static_cast<std::size_t>(lines), 100'000)) << lines;
    EXPECT_EQ(read.back(), "0 line 99999");
  }
}

TEST_F(LogReaderTest, LongLinesComeInPiecesAndNothingIsLost) {
  const std::string text = std::string(200'000, 'x') + "\nshort\n";
  Append("001-000.log", text);
  LogCursor cursor{1, {}};
  std::string all;
  for (const std::string& line : Read(cursor)) {
    EXPECT_LE(line.size(), (64u << 10) + 2);
    all += line.substr(2);
  }
  EXPECT_EQ(all, std::string(200'000, 'x') + "short");
}

TEST(Cursor, GarbageIsRefused) {
  for (const char* text : {"", "x", "0", "-1", "1.", "1.0", "1.0:", "1.0:-4", "1.-1:4", "1.0:4.", "1.0:4:5"}) {
    EXPECT_EQ(ReasonOf(ParseCursor(text).status()), "BAD_CURSOR") << text;
  }
}

}  // namespace
}  // namespace amaes
