#include "libs/volume/pickle_value.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <unordered_map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace amaes::pickle {
namespace {

using Kind = Value::Kind;
using nlohmann::json;

constexpr int kMostDepth = 64;
constexpr std::size_t kMostResults = std::size_t{1} << 24;

absl::Status TooLarge(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat("too large: ", what)); }

// Elements of an array, empty axes counted as one: what its nested lists take.
std::size_t Space(const std::vector<std::int64_t>& dims) {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) count *= static_cast<std::size_t>(std::max<std::int64_t>(dim, 1));
  return count;
}

json Number(const NumericType& type, const unsigned char* bytes) {
  if (type.kind == 'b') return bytes[0] != 0;
  if (type.kind == 'f') return DecodeNumber(type, bytes);
  unsigned char raw[8] = {};
  std::memcpy(raw, bytes, static_cast<std::size_t>(type.bytes));
  if (type.swapped) std::reverse(raw, raw + type.bytes);
  std::uint64_t bits = 0;
  std::memcpy(&bits, raw, 8);
  if (type.kind == 'u') return bits;
  const int unused = 64 - 8 * type.bytes;
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

class Writer {
 public:
  explicit Writer(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Whether Write would go too deep or make too much, before anything is made: a few shared lists can stand for millions.
  absl::Status Check(const Value& value, int depth) {
    if (depth > kMostDepth) return Damaged(absl::StrCat("nested deeper than ", kMostDepth));
    if (value.dims.size() > kMostDepth) return Damaged("an array of too many axes");
    values_ += Space(value.dims);
    bytes_ += value.text.size();
    if (values_ > kMostResults) return TooLarge(absl::StrCat("it stands for more than ", kMostResults, " values"));
    if (bytes_ > most_bytes_) return TooLarge("it repeats its text too often");
    for (const Value* item : value.items) AMAES_RETURN_IF_ERROR(Check(*item, depth + 1));
    return absl::OkStatus();
  }

  // Of a value that Check finds right.
  static absl::StatusOr<json> Write(const Value& value) {
    switch (value.kind) {
      case Kind::kNone:
        return json();
      case Kind::kBool:
        return value.whole != 0;
      case Kind::kInt:
        return value.whole;
      case Kind::kUnsigned:
        return static_cast<std::uint64_t>(value.whole);
      case Kind::kFloat:
        return value.real;
      case Kind::kText:
        return value.text;
      case Kind::kBytes:
        return json::binary({value.text.begin(), value.text.end()});
      case Kind::kDict:
        return WriteDict(value);
      case Kind::kArray:
        return WriteArray(value);
      case Kind::kType:
        return json(value.type.Name());
      case Kind::kGlobal:
        return Damaged("a function or class as a value");
      case Kind::kList:
      case Kind::kTuple:
        break;
    }
    json out = json::array();
    for (const Value* item : value.items) {
      AMAES_ASSIGN_OR_RETURN(json element, Write(*item));
      out.push_back(std::move(element));
    }
    return out;
  }

 private:
  static absl::StatusOr<json> WriteDict(const Value& value) {
    json out = json::object();
    std::unordered_map<std::string, Kind> seen;
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
      const Value& key_value = *value.items[i];
      AMAES_ASSIGN_OR_RETURN(const json key, Write(key_value));
      if (key.is_binary() || key.is_object()) return Damaged("a key that is neither text nor a plain value");
      const std::string name =
          key.is_string() ? key.get<std::string>() : key.dump(-1, ' ', false, json::error_handler_t::replace);
      AMAES_ASSIGN_OR_RETURN(json element, Write(*value.items[i + 1]));
      // A key that is set again takes the later value, as in a dict; but 1 and "1" are two keys.
      if (seen.emplace(name, key_value.kind).first->second != key_value.kind) return Damaged("two keys of one name");
      out[name] = std::move(element);
    }
    return out;
  }

  static absl::StatusOr<json> WriteArray(const Value& value) {
    if (value.data == nullptr) return Damaged("an array without its data");
    std::vector<std::size_t> steps(value.dims.size());
    std::size_t step = static_cast<std::size_t>(value.type.bytes);
    for (std::size_t k = 0; k < steps.size(); ++k) {
      const std::size_t a = value.fortran ? k : steps.size() - 1 - k;
      steps[a] = step;
      step *= static_cast<std::size_t>(value.dims[a]);
    }
    return Nested(value, steps, 0, reinterpret_cast<const unsigned char*>(value.data->text.data()));
  }

  static json Nested(const Value& value, const std::vector<std::size_t>& steps, std::size_t axis,
                     const unsigned char* p) {
    if (axis == steps.size()) return Number(value.type, p);
    json out = json::array();
    for (std::int64_t i = 0; i < value.dims[axis]; ++i) {
      out.push_back(Nested(value, steps, axis + 1, p + static_cast<std::size_t>(i) * steps[axis]));
    }
    return out;
  }

  std::size_t most_bytes_;
  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
};

// The sizes of an array from a tuple of them, and that `bytes` are what such an array takes.
absl::Status SetShape(const Value& shape, std::size_t bytes, Value& array) {
  if (shape.kind != Kind::kTuple) return Damaged("an array whose shape is no tuple");
  array.dims.clear();
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  std::int64_t count = 1, space = 1;
  for (const Value* size : shape.items) {
    if (size->kind != Kind::kInt || size->whole < 0) return Damaged("an array with a size that is none");
    if (size->whole > kMost / space) return Damaged("an array of absurd size");
    space *= std::max<std::int64_t>(size->whole, 1);  // an empty axis must not hide an endless one
    count *= size->whole;
    array.dims.push_back(size->whole);
  }
  if (static_cast<std::size_t>(count * array.type.bytes) != bytes || space > kMost) {
    return Damaged("an array whose data has another size than its shape");
  }
  return absl::OkStatus();
}

absl::StatusOr<Value*> NewType(const Value& arguments, Arena& arena) {
  if (arguments.items.empty() || arguments.items[0]->kind != Kind::kText) return Damaged("a datatype without a name");
  AMAES_ASSIGN_OR_RETURN(const NumericType type, ParseNumericType(arguments.items[0]->text));
  Value* out = arena.New(Kind::kType);
  if (out != nullptr) out->type = type;
  return out;
}

absl::StatusOr<Value*> NewScalar(const Value& arguments, Arena& arena) {
  const std::vector<Value*>& items = arguments.items;
  if (items.size() != 2 || items[0]->kind != Kind::kType || items[1]->kind != Kind::kBytes ||
      items[1]->text.size() != static_cast<std::size_t>(items[0]->type.bytes)) {
    return Damaged("a NumPy scalar without a datatype and as many bytes");
  }
  Value* out = arena.New(Kind::kArray);  // of no axes
  if (out == nullptr) return out;
  out->type = items[0]->type;
  out->data = items[1];
  return out;
}

// _frombuffer(bytes, type, shape, order)
absl::StatusOr<Value*> FromBuffer(const Value& arguments, Arena& arena) {
  const std::vector<Value*>& items = arguments.items;
  if (items.size() != 4 || items[0]->kind != Kind::kBytes || items[1]->kind != Kind::kType ||
      items[3]->kind != Kind::kText) {
    return Damaged("an array made from something else than bytes, datatype, shape and order");
  }
  Value* out = arena.New(Kind::kArray);
  if (out == nullptr) return out;
  out->type = items[1]->type;
  out->data = items[0];
  out->fortran = items[3]->text == "F";
  AMAES_RETURN_IF_ERROR(SetShape(*items[2], items[0]->text.size(), *out));
  return out;
}

// _codecs.encode(text, "latin1"): how bytes are written where a protocol has none.
absl::StatusOr<Value*> Encode(const Value& arguments, Arena& arena) {
  const std::vector<Value*>& items = arguments.items;
  if (items.size() != 2 || items[0]->kind != Kind::kText || items[1]->kind != Kind::kText ||
      (items[1]->text != "latin1" && items[1]->text != "latin-1")) {
    return absl::InvalidArgumentError("refused: it asks for _codecs.encode with something else than latin1");
  }
  const std::string& text = items[0]->text;
  AMAES_RETURN_IF_ERROR(arena.Charge(text.size()));
  Value* out = arena.New(Kind::kBytes);
  if (out == nullptr) return out;
  out->text.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      out->text.push_back(text[i]);
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size()) {
      out->text.push_back(static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f)));
    } else {
      return Damaged("text that is not latin1 where bytes are meant");
    }
  }
  return out;
}

// OrderedDict() or OrderedDict([(key, value), …])
absl::StatusOr<Value*> NewDict(const Value& arguments, Arena& arena) {
  Value* out = arena.New(Kind::kDict);
  if (out == nullptr || arguments.items.empty()) return out;
  const Value& pairs = *arguments.items[0];
  if (arguments.items.size() > 1 || pairs.kind != Kind::kList)
    return Damaged("an OrderedDict of something else than pairs");
  AMAES_RETURN_IF_ERROR(arena.Charge(pairs.items.size() * 2 * sizeof(std::uintptr_t)));
  for (const Value* pair : pairs.items) {
    if ((pair->kind != Kind::kTuple && pair->kind != Kind::kList) || pair->items.size() != 2) {
      return Damaged("an OrderedDict of something else than pairs");
    }
    out->items.insert(out->items.end(), pair->items.begin(), pair->items.end());
  }
  return out;
}

// bytes(), bytearray() or bytearray(bytes)
absl::StatusOr<Value*> NewBytes(const Value& arguments, Arena& arena) {
  if (arguments.items.empty()) return arena.New(Kind::kBytes);
  if (arguments.items.size() > 1 || arguments.items[0]->kind != Kind::kBytes) return Damaged("bytes of something else");
  return arguments.items[0];
}

absl::StatusOr<Value*> Reconstruct(const Value& arguments, Arena& arena) {
  if (arguments.items.empty() || arguments.items[0]->kind != Kind::kGlobal ||
      arguments.items[0]->text != "numpy.ndarray") {
    return absl::InvalidArgumentError("refused: it asks for a kind of array that is not numpy.ndarray");
  }
  return arena.New(Kind::kArray);
}

struct Callable {
  const char* name;
  absl::StatusOr<Value*> (*call)(const Value& arguments, Arena& arena);  // null: a name that is only mentioned
};
constexpr Callable kCallables[] = {{"numpy.ndarray", nullptr},
                                   {"numpy.dtype", NewType},
                                   {"numpy.core.multiarray._reconstruct", Reconstruct},
                                   {"numpy._core.multiarray._reconstruct", Reconstruct},
                                   {"numpy.core.multiarray.scalar", NewScalar},
                                   {"numpy._core.multiarray.scalar", NewScalar},
                                   {"numpy.core.numeric._frombuffer", FromBuffer},
                                   {"numpy._core.numeric._frombuffer", FromBuffer},
                                   {"collections.OrderedDict", NewDict},
                                   {"_codecs.encode", Encode},
                                   {"builtins.bytearray", NewBytes},
                                   {"__builtin__.bytearray", NewBytes},
                                   {"builtins.bytes", NewBytes},
                                   {"__builtin__.bytes", NewBytes}};

absl::Status SetTypeState(Value& value, const Value& state) {
  const std::vector<Value*>& items = state.items;
  if (state.kind != Kind::kTuple || items.size() < 5 || items[1]->kind != Kind::kText || items[1]->text.size() != 1) {
    return Damaged("the state of a datatype");
  }
  for (int i = 2; i < 5; ++i) {
    if (items[static_cast<std::size_t>(i)]->kind != Kind::kNone) {
      return absl::InvalidArgumentError("refused: an array of records instead of numbers");
    }
  }
  NumericType other;
  AMAES_ASSIGN_OR_RETURN(other, ParseNumericType(absl::StrCat(items[1]->text, "i4")));
  value.type.swapped = other.swapped && value.type.bytes > 1;
  return absl::OkStatus();
}

}  // namespace

absl::Status Damaged(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("damaged: pickle: ", why));
}

Value* Arena::New(Value::Kind kind) {
  if (values_.size() >= kMostValues) return nullptr;
  values_.emplace_back().kind = kind;
  return &values_.back();
}

absl::Status Arena::Charge(std::size_t bytes) {
  bytes_ += bytes;
  return bytes_ > most_bytes_ ? TooLarge("it copies its content too often") : absl::OkStatus();
}

absl::StatusOr<Value*> Global(absl::string_view module, absl::string_view name, Arena& arena) {
  const std::string full = absl::StrCat(module, ".", name);
  for (const Callable& known : kCallables) {
    if (full != known.name) continue;
    Value* out = arena.New(Kind::kGlobal);
    if (out != nullptr) out->text = full;
    return out;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("refused: it asks for ", absl::CHexEscape(full.substr(0, 100)),
                   "; only plain values and NumPy's numbers are read, nothing is executed"));
}

absl::StatusOr<Value*> Call(const Value& callable, const Value& arguments, Arena& arena) {
  if (callable.kind != Kind::kGlobal || arguments.kind != Kind::kTuple) return Damaged("a call of what is no function");
  for (const Callable& known : kCallables) {
    if (callable.text == known.name && known.call != nullptr) return known.call(arguments, arena);
  }
  return absl::InvalidArgumentError(absl::StrCat("refused: it asks to call ", callable.text));
}

absl::Status SetState(Value& value, const Value& state) {
  if (value.kind == Kind::kType) return SetTypeState(value, state);
  if (value.kind != Kind::kArray) return absl::InvalidArgumentError("refused: it gives a state to what has none");
  const std::vector<Value*>& items = state.items;
  if (state.kind != Kind::kTuple || items.size() != 5 || items[2]->kind != Kind::kType ||
      items[3]->kind != Kind::kBool) {
    return Damaged("the state of an array");
  }
  if (items[4]->kind != Kind::kBytes) return Damaged("an array whose data is not bytes");
  value.type = items[2]->type;
  value.fortran = items[3]->whole != 0;
  value.data = items[4];
  return SetShape(*items[1], items[4]->text.size(), value);
}

absl::StatusOr<json> ToJson(const Value& value, std::size_t file_bytes) {
  AMAES_RETURN_IF_ERROR(Writer(2 * file_bytes + (std::size_t{1} << 26)).Check(value, 0));
  return Writer::Write(value);
}

}  // namespace amaes::pickle
