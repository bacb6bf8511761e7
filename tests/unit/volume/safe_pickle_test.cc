#include "libs/volume/safe_pickle.h"

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/escaping.h"
#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using nlohmann::json;
using testing::HasSubstr;

absl::string_view Bytes(const char* text, std::size_t size) { return {text, size}; }
#define AMAES_PICKLE(literal) Bytes(literal, sizeof(literal) - 1)

void ExpectRefused(absl::string_view bytes, const std::string& why) {
  EXPECT_THAT(ParsePickle(bytes), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why))) << absl::CHexEscape(bytes);
}

json MustParse(absl::string_view bytes) {
  const absl::StatusOr<json> value = ParsePickle(bytes);
  EXPECT_THAT(value, IsOk()) << absl::CHexEscape(bytes);
  return value.ok() ? *value : json();
}

// The same dict as Python 3.11 with NumPy 2.4 writes it in protocols 0, 2, 4 and 5.
const std::vector<std::string>& Seeds() {
  static const std::vector<std::string> seeds{
      absl::HexStringToBytes(
          "286470300a5673706163696e670a70310a286c70320a46312e300a6146322e350a6146332e300a617356616666696e650a70"
          "330a636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a70340a28636e756d70790a"
          "6e6461727261790a70350a2849300a7470360a635f636f646563730a656e636f64650a70370a2856620a70380a566c617469"
          "6e310a70390a747031300a527031310a747031320a527031330a2849310a2849340a49340a747031340a636e756d70790a64"
          "747970650a7031350a285666340a7031360a4930300a4930310a747031370a527031380a2849330a563c0a7031390a4e4e4e"
          "492d310a492d310a49300a747032300a624930300a67370a28565c75303030305c7530303030803f5c75303030305c753030"
          "30305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c7530303030"
          "5c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c7530303030803f"
          "5c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75"
          "303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c753030"
          "30305c7530303030803f5c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c753030"
          "30305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c75303030305c7530303030"
          "5c75303030305c75303030305c7530303030803f0a7032310a67390a747032320a527032330a747032340a6273566e0a7032"
          "350a636e756d70792e5f636f72652e6d756c746961727261790a7363616c61720a7032360a286731350a285669320a703237"
          "0a4930300a4930310a747032380a527032390a2849330a6731390a4e4e4e492d310a492d310a49300a747033300a6267370a"
          "2856f9ff0a7033310a67390a747033320a527033330a747033340a527033350a73566f0a7033360a63636f6c6c656374696f"
          "6e730a4f726465726564446963740a7033370a2874527033380a566b0a7033390a284e4930310a67370a2856ff0a7034300a"
          "67390a747034310a527034320a747034330a737356740a7034340a56b50a7034350a73566269670a7034360a4c3130393935"
          "31313632373737364c0a732e"),
      absl::HexStringToBytes(
          "80027d710028580700000073706163696e6771015d710228473ff00000000000004740040000000000004740080000000000"
          "00655806000000616666696e657103636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563"
          "740a7104636e756d70790a6e6461727261790a71054b00857106635f636f646563730a656e636f64650a7107580100000062"
          "710858060000006c6174696e31710986710a52710b87710c52710d284b014b044b0486710e636e756d70790a64747970650a"
          "710f5802000000663471108988877111527112284b0358010000003c71134e4e4e4affffffff4affffffff4b007471146289"
          "680758440000000000c2803f000000000000000000000000000000000000c2803f0000000000000000000000000000000000"
          "00c2803f000000000000000000000000000000000000c2803f711568098671165271177471186258010000006e7119636e75"
          "6d70792e5f636f72652e6d756c746961727261790a7363616c61720a711a680f58020000006932711b898887711c52711d28"
          "4b0368134e4e4e4affffffff4affffffff4b0074711e6268075804000000c3b9c3bf711f6809867120527121867122527123"
          "58010000006f712463636f6c6c656374696f6e730a4f726465726564446963740a71252952712658010000006b71274e8868"
          "075802000000c3bf7128680986712952712a87712b73580100000074712c5802000000c2b5712d5803000000626967712e8a"
          "06000000000001752e"),
      absl::HexStringToBytes(
          "80049588010000000000007d94288c0773706163696e67945d9428473ff00000000000004740040000000000004740080000"
          "00000000658c06616666696e65948c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e737472"
          "7563749493948c056e756d7079948c076e6461727261799493944b0085944301629487945294284b014b044b04869468078c"
          "0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494628943400000"
          "803f000000000000000000000000000000000000803f000000000000000000000000000000000000803f0000000000000000"
          "00000000000000000000803f947494628c016e9468048c067363616c617294939468108c02693294898887945294284b0368"
          "144e4e4e4affffffff4affffffff4b007494624302f9ff94869452948c016f948c0b636f6c6c656374696f6e73948c0b4f72"
          "6465726564446963749493942952948c016b944e884301ff948794738c0174948c02c2b5948c03626967948a060000000000"
          "01752e"),
      absl::HexStringToBytes(
          "8005958a010000000000007d94288c0773706163696e67945d9428473ff00000000000004740040000000000004740080000"
          "00000000658c06616666696e65948c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294"
          "9394289640000000000000000000803f000000000000000000000000000000000000803f0000000000000000000000000000"
          "00000000803f000000000000000000000000000000000000803f948c056e756d7079948c0564747970659493948c02663494"
          "898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b044b0486948c014394749452948c016e948c"
          "166e756d70792e5f636f72652e6d756c74696172726179948c067363616c6172949394680a8c02693294898887945294284b"
          "03680e4e4e4e4affffffff4affffffff4b007494624302f9ff94869452948c016f948c0b636f6c6c656374696f6e73948c0b"
          "4f726465726564446963749493942952948c016b944e884301ff948794738c0174948c02c2b5948c03626967948a06000000"
          "000001752e")};
  return seeds;
}

TEST(SafePickle, ReadsWhatPythonWrites) {
  for (const std::string& seed : Seeds()) {
    const json value = MustParse(seed);
    EXPECT_EQ(value["spacing"], json({1.0, 2.5, 3.0}));
    EXPECT_EQ(value["affine"],
              json({{1.0, 0.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}, {0.0, 0.0, 1.0, 0.0}, {0.0, 0.0, 0.0, 1.0}}));
    EXPECT_EQ(value["n"], -7);
    EXPECT_EQ(value["o"]["k"], json({nullptr, true, json::binary({0xff})}));
    EXPECT_EQ(value["t"], "\u00b5");
    EXPECT_EQ(value["big"], std::int64_t{1} << 40);
    EXPECT_EQ(value.size(), 6u);
  }
}

TEST(SafePickle, ReadsInstructionsOneByOne) {
  EXPECT_EQ(MustParse(AMAES_PICKLE("N.")), json());
  EXPECT_EQ(MustParse(AMAES_PICKLE("I-12\n.")), -12);
  EXPECT_EQ(MustParse(AMAES_PICKLE("L12345678901L\n.")), 12345678901);
  EXPECT_EQ(MustParse(AMAES_PICKLE("J\376\377\377\377.")), -2);
  EXPECT_EQ(MustParse(AMAES_PICKLE("\212\000.")), 0);
  EXPECT_EQ(MustParse(AMAES_PICKLE("\212\001\377.")), -1);
  EXPECT_EQ(MustParse(AMAES_PICKLE("\212\002\377\000.")), 255);
  EXPECT_EQ(MustParse(AMAES_PICKLE("\212\011\377\377\377\377\377\377\377\377\000.")), ~std::uint64_t{0});
  EXPECT_EQ(MustParse(AMAES_PICKLE("F-0.25\n.")), -0.25);
  EXPECT_TRUE(std::isnan(MustParse(AMAES_PICKLE("Fnan\n.")).get<double>()));
  EXPECT_EQ(MustParse(AMAES_PICKLE("G\077\370\000\000\000\000\000\000.")), 1.5);
  EXPECT_EQ(MustParse(AMAES_PICKLE("V\\u00e4\344\\U0001f9e0\n.")), "\u00e4\u00e4\U0001f9e0");
  EXPECT_EQ(MustParse(AMAES_PICKLE("(K\001K\002l.")), json({1, 2}));
  EXPECT_EQ(MustParse(AMAES_PICKLE("(X\001\000\000\000kK\002d.")), json({{"k", 2}}));
  EXPECT_EQ(MustParse(AMAES_PICKLE("K\001(K\002K\0031.")), 1) << "what lies above a mark goes with it";
  EXPECT_EQ(MustParse(AMAES_PICKLE("K\001K\0020.")), 1);
  EXPECT_EQ(MustParse(AMAES_PICKLE("K\0012\206.")), json({1, 1}));
  EXPECT_EQ(MustParse(AMAES_PICKLE("K\007q\0050h\005.")), 7);
  EXPECT_EQ(MustParse(AMAES_PICKLE("}(K\001K\002K\001K\003u.")), json({{"1", 3}})) << "the later value of a key stays";
}

TEST(SafePickle, RefusesByNameWhatItWouldHaveToExecute) {
  ExpectRefused(AMAES_PICKLE("cos\nsystem\n(Vecho\ntR."), "it asks for os.system");
  ExpectRefused(AMAES_PICKLE("\200\004\214\005posix\214\006system\223."), "it asks for posix.system");
  ExpectRefused(AMAES_PICKLE("cbuiltins\neval\n."), "it asks for builtins.eval");
  ExpectRefused(AMAES_PICKLE("cnumpy\nload\n."), "it asks for numpy.load");
  ExpectRefused(AMAES_PICKLE("(ios\nsystem\n."), "an object of some class");
  ExpectRefused(AMAES_PICKLE("cnumpy\nndarray\n)\201."), "an object of some class");
  ExpectRefused(AMAES_PICKLE("cnumpy\nndarray\n)R."), "it asks to call numpy.ndarray");
  ExpectRefused(AMAES_PICKLE("cnumpy\nndarray\n."), "a function or class as a value");
  ExpectRefused(AMAES_PICKLE("Pname\n."), "an object outside of the file");
  ExpectRefused(AMAES_PICKLE("K\001Q."), "an object outside of the file");
  ExpectRefused(AMAES_PICKLE("\202\001."), "a registered extension");
  ExpectRefused(AMAES_PICKLE("\217."), "a set");
  ExpectRefused(AMAES_PICKLE("\227."), "a buffer outside of the file");
  ExpectRefused(AMAES_PICKLE("S'old'\n."), "a string of Python 2");
  ExpectRefused(AMAES_PICKLE("}}b."), "it gives a state to what has none");
  ExpectRefused(AMAES_PICKLE("c_codecs\nencode\n(Va\nVutf-7\ntR."), "_codecs.encode");
  ExpectRefused(AMAES_PICKLE("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\ntR."), "a kind of array");
}

TEST(SafePickle, NamesWhatIsBroken) {
  ExpectRefused("", "truncated");
  ExpectRefused(AMAES_PICKLE("K\001"), "truncated");
  ExpectRefused(AMAES_PICKLE("X\377\377\377\377abc."), "truncated");
  ExpectRefused(AMAES_PICKLE("\215\377\377\377\377\377\377\377\377."), "truncated");
  ExpectRefused(AMAES_PICKLE("I12"), "truncated");
  ExpectRefused(AMAES_PICKLE("."), "a value is missing");
  ExpectRefused(AMAES_PICKLE("(."), "a value is missing");
  ExpectRefused(AMAES_PICKLE("K\001(."), "a value is missing");
  ExpectRefused(AMAES_PICKLE("t."), "a mark is missing");
  ExpectRefused(AMAES_PICKLE("2."), "nothing to repeat");
  ExpectRefused(AMAES_PICKLE("K\001a."), "nothing to add");
  ExpectRefused(AMAES_PICKLE("K\001K\002a."), "nothing to add");
  ExpectRefused(AMAES_PICKLE("](K\001u."), "nothing to add");
  ExpectRefused(AMAES_PICKLE("}(K\001u."), "a key without a value");
  ExpectRefused(AMAES_PICKLE("(K\001d."), "a key without a value");
  ExpectRefused(AMAES_PICKLE("h\001."), "never remembered");
  ExpectRefused(AMAES_PICKLE("\224."), "nothing to remember");
  ExpectRefused(AMAES_PICKLE("\200\006N."), "protocol 6");
  ExpectRefused(AMAES_PICKLE("\360."), "unknown instruction 240");
  ExpectRefused(AMAES_PICKLE("X\002\000\000\000\377\377."), "not UTF-8");
  ExpectRefused(AMAES_PICKLE("V\\ud800\n."), "not UTF-8");
  ExpectRefused(AMAES_PICKLE("V\\u00\n."), "broken escape");
  ExpectRefused(AMAES_PICKLE("I1x\n."), "a whole number that is none");
  ExpectRefused(AMAES_PICKLE("Fx\n."), "a number that is none");
  ExpectRefused(AMAES_PICKLE("}(}K\001u."), "a key that is neither");
  ExpectRefused(AMAES_PICKLE("}(K\001NX\001\000\000\0001Nu."), "two keys of one name");
}

// _frombuffer(bytes, dtype(NAME), shape, 'C') for a shape and bytes of the test.
std::string FromBuffer(const std::string& type, const std::string& shape, std::size_t bytes) {
  return absl::StrCat("cnumpy._core.numeric\n_frombuffer\n(B", std::string(1, static_cast<char>(bytes)),
                      std::string(3, '\0'), std::string(bytes, 'x'), "cnumpy\ndtype\n(V", type, "\ntR(", shape,
                      "tVC\ntR.");
}

TEST(SafePickle, BelievesNoShapeThatItsBytesDoNotFill) {
  EXPECT_EQ(MustParse(FromBuffer("u1", "K\002K\003", 6)), json({{120, 120, 120}, {120, 120, 120}}));
  ExpectRefused(FromBuffer("u1", "K\002K\003", 5), "another size than its shape");
  ExpectRefused(FromBuffer("f8", "K\002", 8), "another size than its shape");
  ExpectRefused(FromBuffer("u1", "I-1\n", 6), "a size that is none");
  ExpectRefused(FromBuffer("u1", "N", 6), "a size that is none");
  ExpectRefused(FromBuffer("u1", "L4611686018427387904L\nK\004", 0), "absurd size");
  ExpectRefused(FromBuffer("u1", "L1099511627775L\nI0\n", 0), "too large");
  ExpectRefused(FromBuffer("O", "K\002", 16), "object array");
  ExpectRefused(FromBuffer("U2", "K\002", 16), "unknown datatype");
  ExpectRefused(AMAES_PICKLE("cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\000tC\001btR."),
                "an array without its data");
}

TEST(SafePickle, BoundsDepthAndSize) {
  ExpectRefused(std::string(1000, ']') + std::string(999, 'a') + ".", "nested deeper");
  ExpectRefused(AMAES_PICKLE("]2a."), "nested deeper");
  ExpectRefused(absl::StrCat("(", std::string(3'000'000, 'N'), "t."), "too large");
  std::string doubled = "K\001";
  for (int i = 0; i < 40; ++i) doubled += "2\206";  // a pair of twice the same
  ExpectRefused(doubled + ".", "too large");
  // A text of 100 kB, turned into bytes 100,000 times.
  std::string copies = absl::StrCat("(c_codecs\nencode\nq\001V", std::string(100'000, 'a'), "\nVlatin1\n\206q\0020");
  for (int i = 0; i < 100'000; ++i) copies += "h\001h\002R0";
  ExpectRefused(copies, "too large");
}

TEST(SafePickle, ReadsAFile) {
  const TempDir dir;
  EXPECT_EQ(*ReadPickle(WriteFile(dir.path() / "a.pkl", Seeds()[2])), *ParsePickle(Seeds()[0]));
  EXPECT_THAT(ReadPickle(dir.path() / "missing.pkl"), StatusIs(StatusCode::kNotFound));
}

// Any bytes: a value or a reason, never anything else.
TEST(SafePickle, SurvivesDamage) {
  RandomStream random(11, Purpose::kPhantom, 0);
  int read = 0;
  for (const std::string& seed : Seeds()) {
    for (std::size_t n = 0; n < seed.size(); ++n) ExpectRefused(seed.substr(0, n), "");
    for (int round = 0; round < 20000; ++round) {
      std::string bytes = seed;
      const std::uint32_t changes = 1 + random.UniformInt(3);
      for (std::uint32_t i = 0; i < changes; ++i) {
        const std::uint32_t at = random.UniformInt(static_cast<std::uint32_t>(bytes.size()));
        switch (random.UniformInt(3)) {
          case 0:
            bytes[at] = static_cast<char>(random.UniformInt(256));
            break;
          case 1:
            bytes.erase(at, 1);
            break;
          default:
            bytes.insert(at, bytes.substr(random.UniformInt(static_cast<std::uint32_t>(bytes.size())), 3));
        }
      }
      const auto value = ParsePickle(bytes);
      read += value.ok() ? 1 : 0;
      ASSERT_TRUE(value.ok() || absl::IsInvalidArgument(value.status())) << value.status();
    }
  }
  EXPECT_GT(read, 1000) << "changes within numbers and texts are no damage to see";
}

}  // namespace
}  // namespace amaes
