#include "libs/volume/safe_pickle.h"

#include <bit>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/volume/pickle_value.h"

namespace amaes {
namespace {

using pickle::Arena;
using pickle::Damaged;
using pickle::Value;
using Kind = Value::Kind;

// The stack machine that every pickle is a program of (Python's pickletools names its instructions).
class Machine {
 public:
  explicit Machine(absl::string_view bytes) : rest_(bytes), file_bytes_(bytes.size()), arena_(bytes.size()) {}

  absl::StatusOr<nlohmann::json> Run() {
    while (true) {
      if (rest_.empty()) return absl::InvalidArgumentError("truncated: the pickle ends without its last instruction");
      const auto code = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      if (code == '.') break;
      AMAES_RETURN_IF_ERROR(Step(code));
    }
    AMAES_ASSIGN_OR_RETURN(const Value* result, Pop());
    return pickle::ToJson(*result, file_bytes_);
  }

 private:
  absl::Status Step(unsigned char code) {
    switch (code) {
      case 0x80:  // PROTO
        return Protocol();
      case 0x95:  // FRAME: says how much may be read at once
        return Bytes(8).status();
      case '(':
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case '0':
        return Pop().status();
      case '1':
        return PopMark().status();
      case '2':
        return stack_.empty() ? Damaged("nothing to repeat") : Push(stack_.back());
      case 'N':
        return PushNew(Kind::kNone);
      case 0x88:
      case 0x89:
        return PushWhole(Kind::kBool, code == 0x88 ? 1 : 0);
      case 'I':
      case 'L':
        return TextInteger();
      case 'J':
        return FixedInteger(4, true);
      case 'K':
        return FixedInteger(1, false);
      case 'M':
        return FixedInteger(2, false);
      case 0x8a:
        return LongInteger(1);
      case 0x8b:
        return LongInteger(4);
      case 'F':
      case 'G':
        return Float(code == 'G');
      case 'V':
        return EscapedText();
      case 'X':
        return Counted(4, Kind::kText);
      case 0x8c:
        return Counted(1, Kind::kText);
      case 0x8d:
        return Counted(8, Kind::kText);
      case 'B':
        return Counted(4, Kind::kBytes);
      case 'C':
        return Counted(1, Kind::kBytes);
      case 0x8e:
      case 0x96:
        return Counted(8, Kind::kBytes);
      case ']':
        return PushNew(Kind::kList);
      case '}':
        return PushNew(Kind::kDict);
      case ')':
        return PushNew(Kind::kTuple);
      case 'l':
        return Collect(Kind::kList);
      case 'd':
        return Collect(Kind::kDict);
      case 't':
        return Collect(Kind::kTuple);
      case 0x85:
      case 0x86:
      case 0x87:
        return ShortTuple(static_cast<std::size_t>(code) - 0x84);
      case 'a':
        return Append(Kind::kList, 1);
      case 's':
        return Append(Kind::kDict, 2);
      case 'e':
        return AppendAll(Kind::kList);
      case 'u':
        return AppendAll(Kind::kDict);
      case 'p':
      case 'q':
      case 'r':
      case 0x94:
        return Memoize(code);
      case 'g':
      case 'h':
      case 'j':
        return Recall(code);
      case 'c':
      case 0x93:
        return PushGlobal(code == 'c');
      case 'R':
        return Reduce();
      case 'b':
        return Build();
      default:
        return Unwanted(code);
    }
  }

  static absl::Status Unwanted(unsigned char code) {
    const auto refused = [](absl::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrCat("refused: it asks for ", what, "; only plain values and NumPy's numbers are read"));
    };
    if (code == 'P' || code == 'Q') return refused("an object outside of the file");
    if (code == 'i' || code == 'o' || code == 0x81 || code == 0x92) return refused("an object of some class");
    if (code >= 0x82 && code <= 0x84) return refused("a registered extension");
    if (code == 0x8f || code == 0x90 || code == 0x91) return refused("a set");
    if (code == 0x97 || code == 0x98) return refused("a buffer outside of the file");
    if (code == 'S' || code == 'T' || code == 'U') return refused("a string of Python 2");
    return Damaged(absl::StrCat("unknown instruction ", static_cast<int>(code)));
  }

  absl::StatusOr<absl::string_view> Bytes(std::uint64_t count) {
    if (count > rest_.size()) return absl::InvalidArgumentError("truncated: the pickle ends within a value");
    const absl::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  absl::StatusOr<absl::string_view> Line() {
    const std::size_t end = rest_.find('\n');
    if (end == absl::string_view::npos) return absl::InvalidArgumentError("truncated: the pickle ends within a line");
    const absl::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  absl::StatusOr<std::uint64_t> Natural(std::size_t bytes) {
    AMAES_ASSIGN_OR_RETURN(const absl::string_view raw, Bytes(bytes));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    }
    return value;
  }

  absl::Status Push(Value* value) {
    if (value == nullptr) return absl::InvalidArgumentError("too large: the pickle holds more than 2^21 values");
    stack_.push_back(value);
    return absl::OkStatus();
  }
  absl::Status PushNew(Kind kind) { return Push(arena_.New(kind)); }
  absl::Status PushWhole(Kind kind, std::int64_t whole) {
    AMAES_RETURN_IF_ERROR(PushNew(kind));
    stack_.back()->whole = whole;
    return absl::OkStatus();
  }
  std::size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }
  absl::StatusOr<Value*> Pop() {
    if (stack_.size() <= Floor()) return Damaged("a value is missing");
    Value* top = stack_.back();
    stack_.pop_back();
    return top;
  }
  // What lies above the last mark.
  absl::StatusOr<std::vector<Value*>> PopMark() {
    if (marks_.empty()) return Damaged("a mark is missing");
    std::vector<Value*> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  absl::Status Protocol() {
    AMAES_ASSIGN_OR_RETURN(const std::uint64_t version, Natural(1));
    return version <= 5 ? absl::OkStatus() : Damaged(absl::StrCat("protocol ", version, " is not known here"));
  }
  absl::Status TextInteger() {
    AMAES_ASSIGN_OR_RETURN(absl::string_view line, Line());
    if (line == "00" || line == "01") return PushWhole(Kind::kBool, line == "01");
    if (!line.empty() && line.back() == 'L') line.remove_suffix(1);
    std::int64_t whole = 0;
    std::uint64_t natural = 0;
    if (absl::SimpleAtoi(line, &whole)) return PushWhole(Kind::kInt, whole);
    if (absl::SimpleAtoi(line, &natural)) return PushWhole(Kind::kUnsigned, static_cast<std::int64_t>(natural));
    return Damaged("a whole number that is none, or beyond 64 bits");
  }
  absl::Status FixedInteger(std::size_t bytes, bool is_signed) {
    AMAES_ASSIGN_OR_RETURN(const std::uint64_t value, Natural(bytes));
    return PushWhole(Kind::kInt, is_signed ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value));
  }
  absl::Status LongInteger(std::size_t length_bytes) {
    AMAES_ASSIGN_OR_RETURN(const std::uint64_t length, Natural(length_bytes));
    AMAES_ASSIGN_OR_RETURN(absl::string_view raw, Bytes(length));
    const bool negative = !raw.empty() && (raw.back() & 0x80) != 0;
    const bool unsigned_long = raw.size() == 9 && raw.back() == 0;
    if (unsigned_long) raw.remove_suffix(1);
    if (raw.size() > 8) return Damaged("a whole number beyond 64 bits");
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      value &= ~(std::uint64_t{0xff} << (8 * i));
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    }
    return PushWhole(unsigned_long ? Kind::kUnsigned : Kind::kInt, static_cast<std::int64_t>(value));
  }
  absl::Status Float(bool binary) {
    double real = 0;
    if (binary) {
      AMAES_ASSIGN_OR_RETURN(const absl::string_view raw, Bytes(8));
      std::uint64_t bits = 0;  // big-endian
      for (const char c : raw) bits = bits << 8 | static_cast<unsigned char>(c);
      real = std::bit_cast<double>(bits);
    } else {
      AMAES_ASSIGN_OR_RETURN(const absl::string_view line, Line());
      if (!absl::SimpleAtod(line, &real)) return Damaged("a number that is none");
    }
    AMAES_RETURN_IF_ERROR(PushNew(Kind::kFloat));
    stack_.back()->real = real;
    return absl::OkStatus();
  }
  absl::Status PushText(Kind kind, std::string text) {
    if (kind == Kind::kText && !IsUtf8(text)) return Damaged("text that is not UTF-8");
    AMAES_RETURN_IF_ERROR(PushNew(kind));
    stack_.back()->text = std::move(text);
    return absl::OkStatus();
  }
  absl::Status Counted(std::size_t length_bytes, Kind kind) {
    AMAES_ASSIGN_OR_RETURN(const std::uint64_t length, Natural(length_bytes));
    AMAES_ASSIGN_OR_RETURN(const absl::string_view raw, Bytes(length));
    return PushText(kind, std::string(raw));
  }
  // Protocol 0: latin1 with \\uXXXX and \\UXXXXXXXX.
  absl::Status EscapedText() {
    AMAES_ASSIGN_OR_RETURN(const absl::string_view line, Line());
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::uint32_t point = static_cast<unsigned char>(line[i]);
      if (point == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U')) {
        const std::size_t digits = line[i + 1] == 'u' ? 4 : 8;
        const absl::string_view hex = line.substr(i + 2, digits);
        if (hex.size() < digits || !absl::SimpleHexAtoi(hex, &point)) return Damaged("text with a broken escape");
        i += 1 + digits;
      }
      AppendUtf8(point, text);
    }
    return PushText(Kind::kText, std::move(text));
  }
  // What is no character becomes bytes that are no UTF-8, and so is found by PushText.
  static void AppendUtf8(std::uint32_t point, std::string& out) {
    const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | (point >> shift & 0x3f))); };
    if (point < 0x80) {
      out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
      out.push_back(static_cast<char>(0xc0 | point >> 6));
      tail(0);
    } else if (point < 0x10000) {
      out.push_back(static_cast<char>(0xe0 | point >> 12));
      tail(6), tail(0);
    } else {
      out.push_back(static_cast<char>(point > 0x10ffff ? 0xff : 0xf0 | point >> 18));
      tail(12), tail(6), tail(0);
    }
  }

  absl::Status Collect(Kind kind) {
    AMAES_ASSIGN_OR_RETURN(std::vector<Value*> items, PopMark());
    if (kind == Kind::kDict && items.size() % 2 != 0) return Damaged("a key without a value");
    AMAES_RETURN_IF_ERROR(PushNew(kind));
    stack_.back()->items = std::move(items);
    return absl::OkStatus();
  }
  absl::Status ShortTuple(std::size_t size) {
    if (stack_.size() < Floor() + size) return Damaged("a value is missing");
    const std::vector<Value*> items(stack_.end() - static_cast<std::ptrdiff_t>(size), stack_.end());
    stack_.resize(stack_.size() - size);
    AMAES_RETURN_IF_ERROR(PushNew(Kind::kTuple));
    stack_.back()->items = items;
    return absl::OkStatus();
  }
  absl::Status AddTo(Kind kind, const std::vector<Value*>& items) {
    if (stack_.size() <= Floor() || stack_.back()->kind != kind) return Damaged("nothing to add a value to");
    if (kind == Kind::kDict && items.size() % 2 != 0) return Damaged("a key without a value");
    stack_.back()->items.insert(stack_.back()->items.end(), items.begin(), items.end());
    return absl::OkStatus();
  }
  absl::Status Append(Kind kind, std::size_t count) {
    if (stack_.size() < Floor() + count) return Damaged("a value is missing");
    const std::vector<Value*> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return AddTo(kind, items);
  }
  absl::Status AppendAll(Kind kind) {
    AMAES_ASSIGN_OR_RETURN(const std::vector<Value*> items, PopMark());
    return AddTo(kind, items);
  }

  absl::StatusOr<std::uint64_t> MemoIndex(bool text, std::size_t bytes) {
    if (!text) return Natural(bytes);
    AMAES_ASSIGN_OR_RETURN(const absl::string_view line, Line());
    std::uint64_t index = 0;
    if (!absl::SimpleAtoi(line, &index)) return Damaged("a number that is none");
    return index;
  }
  absl::Status Memoize(unsigned char code) {
    std::uint64_t index = memo_.size();
    if (code != 0x94) {
      AMAES_ASSIGN_OR_RETURN(index, MemoIndex(code == 'p', code == 'q' ? 1 : 4));
    }
    if (stack_.size() <= Floor()) return Damaged("nothing to remember");
    memo_[index] = stack_.back();
    return absl::OkStatus();
  }
  absl::Status Recall(unsigned char code) {
    AMAES_ASSIGN_OR_RETURN(const std::uint64_t index, MemoIndex(code == 'g', code == 'h' ? 1 : 4));
    const auto found = memo_.find(index);
    return found == memo_.end() ? Damaged("it recalls what it never remembered") : Push(found->second);
  }

  absl::Status PushGlobal(bool lines) {
    Value* out = nullptr;
    if (lines) {
      AMAES_ASSIGN_OR_RETURN(const absl::string_view module, Line());
      AMAES_ASSIGN_OR_RETURN(const absl::string_view name, Line());
      AMAES_ASSIGN_OR_RETURN(out, pickle::Global(module, name, arena_));
    } else {
      AMAES_ASSIGN_OR_RETURN(const Value* name, Pop());
      AMAES_ASSIGN_OR_RETURN(const Value* module, Pop());
      if (name->kind != Kind::kText || module->kind != Kind::kText) return Damaged("a function without a name");
      AMAES_ASSIGN_OR_RETURN(out, pickle::Global(module->text, name->text, arena_));
    }
    return Push(out);
  }
  absl::Status Reduce() {
    AMAES_ASSIGN_OR_RETURN(const Value* arguments, Pop());
    AMAES_ASSIGN_OR_RETURN(const Value* callable, Pop());
    AMAES_ASSIGN_OR_RETURN(Value * result, pickle::Call(*callable, *arguments, arena_));
    return Push(result);
  }
  absl::Status Build() {
    AMAES_ASSIGN_OR_RETURN(const Value* state, Pop());
    if (stack_.size() <= Floor()) return Damaged("a value is missing");
    return pickle::SetState(*stack_.back(), *state);
  }

  absl::string_view rest_;
  const std::size_t file_bytes_;
  Arena arena_;
  std::vector<Value*> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, Value*> memo_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParsePickle(absl::string_view bytes) { return Machine(bytes).Run(); }

absl::StatusOr<nlohmann::json> ReadPickle(const std::filesystem::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 28;
  AMAES_ASSIGN_OR_RETURN(const std::string bytes, files::Read(path, kMostBytes));
  return ParsePickle(bytes);
}

}  // namespace amaes
