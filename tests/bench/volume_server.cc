// The product's side of tests/bench/data.py: one command per line on standard input, one line of JSON back. One thread.
//   ingest IN OUT               reads, preprocesses, stores: seconds and voxels of the source
//   prepare IN OUT              the same once, and OUT.npy: the preprocessed voxels as float32
//   open PATH                   the stored volume that `crop` reads
//   crop X Y Z SX SY SZ COLD    seconds, compressed bytes; COLD = 1: opened again, without the page cache
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/volume/contract.h"
#include "libs/volume/nifti.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

using nlohmann::json;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// NumPy's format, version 1.0.
void WriteNpy(const std::string& path, const Volume& volume) {
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", volume.shape[0], ", ",
                                    volume.shape[1], ", ", volume.shape[2], "), }");
  header.resize(128 - 10 - 1, ' ');
  header.push_back('\n');
  std::ofstream out(path, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  const auto size = static_cast<std::uint16_t>(header.size());
  out.put(static_cast<char>(size & 0xff)).put(static_cast<char>(size >> 8));
  out << header;
  out.write(reinterpret_cast<const char*>(volume.voxels.data()),
            static_cast<std::streamsize>(volume.voxels.size() * sizeof(float)));
}

class Server {
 public:
  absl::StatusOr<json> Handle(const std::string& line) {
    std::istringstream words(line);
    std::string command, in, out;
    words >> command;
    if (command == "ingest" || command == "prepare") {
      words >> in >> out;
      return Ingest(in, out, command == "prepare");
    }
    if (command == "open") {
      words >> path_;
      AMAES_ASSIGN_OR_RETURN(volume_, StoredVolume::Open(path_, checksums_[path_]));
      AMAES_RETURN_IF_ERROR(volume_->Verify());
      return json{{"shape", volume_->shape()}};
    }
    if (command == "crop") {
      Shape3 start{}, size{};
      bool cold = false;
      words >> start[0] >> start[1] >> start[2] >> size[0] >> size[1] >> size[2] >> cold;
      return Crop(start, size, cold);
    }
    return absl::InvalidArgumentError(absl::StrCat("unknown command: ", line));
  }

 private:
  absl::StatusOr<json> Ingest(const std::string& in, const std::string& out, bool keep_voxels) {
    const double begin = Now();
    AMAES_ASSIGN_OR_RETURN(const NiftiVolume scan, ReadNifti(in));
    const double read = Now();
    AMAES_ASSIGN_OR_RETURN(const Volume prepared, ApplyContract(scan.volume, Contract()));
    const double applied = Now();
    AMAES_ASSIGN_OR_RETURN(checksums_[out + ".b2nd"],
                           WriteStoredVolume(out + ".b2nd", prepared, StoredResolution(Contract())));
    const double end = Now();
    if (keep_voxels) WriteNpy(out + ".npy", prepared);
    return json{{"seconds", end - begin},
                {"read", read - begin},
                {"contract", applied - read},
                {"store", end - applied},
                {"voxels", VoxelCount(scan.volume.shape)},
                {"shape", prepared.shape}};
  }

  absl::StatusOr<json> Crop(const Shape3& start, const Shape3& size, bool cold) {
    if (cold) {
      volume_.reset();
      const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        return absl::UnavailableError("cannot empty the cache");
      close(fd);
    }
    out_.resize(static_cast<std::size_t>(VoxelCount(size)));
    const double begin = Now();
    if (cold) {
      AMAES_ASSIGN_OR_RETURN(volume_, StoredVolume::Open(path_, checksums_[path_]));
    }
    const std::int64_t bytes = volume_->bytes_read();
    AMAES_RETURN_IF_ERROR(volume_->ReadBox(start, size, absl::MakeSpan(out_)));
    return json{{"seconds", Now() - begin}, {"bytes", volume_->bytes_read() - bytes}};
  }

  std::map<std::string, std::vector<std::uint32_t>> checksums_;  // by path, of what was stored here
  std::string path_;
  std::unique_ptr<StoredVolume> volume_;
  std::vector<float> out_;
};

}  // namespace
}  // namespace amaes

int main() {
  amaes::Server server;
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = server.Handle(line);
    std::cout << (answer.ok() ? *answer : nlohmann::json{{"error", answer.status().ToString()}}).dump() << std::endl;
  }
}
