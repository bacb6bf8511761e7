// Shows what libs/volume makes of a scan, for the Python tests beside this file.
//
//   volume_dump read IN OUT            OUT.f32 (float32, C order) and OUT.json
//   volume_dump contract IN OUT        the same after the `amaes` contract with the reference's crop
//   volume_dump zscore IN OUT X Y Z    the same after the `zscore` contract with that spacing
//   volume_dump label IN OUT LABEL     LABEL after the `amaes` contract of IN with the reference's crop
//   volume_dump resample IN OUT X Y Z  the same after resampling to that shape
//   volume_dump store IN OUT           after the contract; also OUT.b2nd, and OUT.f32 as read back from it
//   volume_dump rewrite IN OUT.nii.gz  a float32 NIfTI of what was read
//   volume_dump npy|b2nd IN OUT [CHANNEL [PICKLE]]  an array that other software preprocessed; with its pickle, in RAS+
//   volume_dump pickle IN OUT          OUT.json: what the pickle holds
//   volume_dump phantom SUBJECT OUT    OUT-labels.f32, OUT-T1w.f32, … and OUT.json
//
// Exit codes: 0 done; 2 wrong use; 3 the input was refused (OUT.json holds the status).
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/volume/contract.h"
#include "libs/volume/foreign_b2nd.h"
#include "libs/volume/nifti.h"
#include "libs/volume/npy.h"
#include "libs/volume/phantom.h"
#include "libs/volume/pickle_geometry.h"
#include "libs/volume/resample.h"
#include "libs/volume/safe_pickle.h"
#include "libs/volume/stored_volume.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

using nlohmann::json;

void WriteVoxels(const std::string& path, const std::vector<float>& voxels) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(voxels.data()), static_cast<std::streamsize>(voxels.size() * sizeof(float)));
}

void WriteJson(const std::string& path, const json& value) { std::ofstream(path) << value.dump() << "\n"; }

json Describe(const Volume& volume) {
  return {{"shape", volume.shape}, {"spacing", volume.spacing}, {"affine", volume.affine}};
}

void DumpPhantom(int subject, const std::string& out) {
  const Phantom phantom = MakePhantom(subject, PhantomOptions());
  WriteVoxels(out + "-labels.f32", phantom.labels.voxels);
  for (std::size_t i = 0; i < phantom.images.size(); ++i) {
    WriteVoxels(out + "-" + phantom.contrasts[i] + ".f32", phantom.images[i].voxels);
  }
  WriteJson(out + ".json", Describe(phantom.labels));
}

absl::Status DumpArray(const std::string& mode, const std::vector<std::string>& arguments) {
  ArrayOptions options;
  if (arguments.size() > 2) options.channel = std::atoi(arguments[2].c_str());
  AMAES_ASSIGN_OR_RETURN(ArrayVolume read,
                         mode == "npy" ? ReadNpy(arguments[0], options) : ReadForeignB2nd(arguments[0], options));
  Volume& volume = read.volume;
  if (arguments.size() > 3) {
    AMAES_ASSIGN_OR_RETURN(const json properties, ReadPickle(arguments[3]));
    AMAES_ASSIGN_OR_RETURN(const PickleGeometry geometry, GeometryOfPickle(properties, volume.shape));
    volume.spacing = geometry.spacing;
    volume.affine = geometry.affine;
    AMAES_ASSIGN_OR_RETURN(volume, ReorientToRas(volume));
  }
  json notes = Describe(volume);
  notes.update({{"channels", read.channels}, {"datatype", read.datatype}, {"nonfinite", read.nonfinite_voxels}});
  WriteVoxels(arguments[1] + ".f32", volume.voxels);
  WriteJson(arguments[1] + ".json", notes);
  return absl::OkStatus();
}

absl::Status Dump(const std::string& mode, const std::vector<std::string>& arguments) {
  const std::string& out = arguments[1];
  if (mode == "npy" || mode == "b2nd") return DumpArray(mode, arguments);
  if (mode == "pickle") {
    AMAES_ASSIGN_OR_RETURN(const json value, ReadPickle(arguments[0]));
    WriteJson(out + ".json", value);
    return absl::OkStatus();
  }
  AMAES_ASSIGN_OR_RETURN(NiftiVolume read, ReadNifti(arguments[0]));
  if (mode == "rewrite") return WriteNifti(out, read.volume);
  Volume volume = std::move(read.volume);
  json notes{{"orientation", read.orientation},
             {"frames", read.frames},
             {"datatype", read.datatype},
             {"nonfinite", read.nonfinite_voxels},
             {"range", {read.minimum, read.maximum}}};
  Contract contract;
  contract.reference_crop = true;
  if (mode == "contract" || mode == "store") {
    AMAES_ASSIGN_OR_RETURN(volume, ApplyContract(volume, contract, 2));
  }
  if (mode == "zscore") {
    if (arguments.size() < 5) return absl::InvalidArgumentError("zscore needs a spacing");
    Contract zscore;
    zscore.name = "zscore";
    for (int a = 0; a < 3; ++a) zscore.spacing_mm[a] = std::atof(arguments[2 + a].c_str());
    AMAES_ASSIGN_OR_RETURN(volume, ApplyContract(volume, zscore, 2));
  }
  if (mode == "label") {
    if (arguments.size() < 3) return absl::InvalidArgumentError("label needs a label map");
    AMAES_ASSIGN_OR_RETURN(NiftiVolume label, ReadNifti(arguments[2]));
    AMAES_ASSIGN_OR_RETURN(Prepared prepared, ApplyContractTogether(volume, {&label.volume, 1}, contract, 2));
    volume = std::move(prepared.companions[0]);
  }
  if (mode == "resample") {
    if (arguments.size() < 5) return absl::InvalidArgumentError("resample needs a shape");
    const Shape3 shape{std::atoll(arguments[2].c_str()), std::atoll(arguments[3].c_str()),
                       std::atoll(arguments[4].c_str())};
    AMAES_ASSIGN_OR_RETURN(volume, Resample(volume, shape, 2));
  }
  if (mode == "store") {
    AMAES_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> checksums,
                           WriteStoredVolume(out + ".b2nd", volume, StoredResolution(Contract())));
    AMAES_ASSIGN_OR_RETURN(const auto stored, StoredVolume::Open(out + ".b2nd", checksums));
    AMAES_RETURN_IF_ERROR(stored->ReadBox({0, 0, 0}, volume.shape, absl::MakeSpan(volume.voxels)));
    notes["minimum"] = stored->minimum();
    notes["checksums"] = checksums;
  }
  WriteVoxels(out + ".f32", volume.voxels);
  notes.update(Describe(volume));
  WriteJson(out + ".json", notes);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  if (argc < 4) {
    std::cerr
        << "usage: volume_dump read|contract|zscore|label|resample|store|rewrite|npy|b2nd|pickle|phantom IN OUT …\n";
    return 2;
  }
  const std::string mode = argv[1];
  if (mode == "phantom") {
    DumpPhantom(std::atoi(arguments[0].c_str()), arguments[1]);
    return 0;
  }
  const absl::Status status = Dump(mode, arguments);
  if (status.ok()) return 0;
  WriteJson(arguments[1] + ".json",
            {{"code", absl::StatusCodeToString(status.code())}, {"error", std::string(status.message())}});
  return 3;
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) { return amaes::Main(argc, argv); }
