# Every third-party dependency, found once. LibTorch and c-blosc2 come from their wheels, the rest from Debian.
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Protobuf REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PNG REQUIRED)
find_package(SQLite3 REQUIRED)
if(AMAES_WITH_TESTS)
  find_package(GTest REQUIRED)
endif()
if(AMAES_WITH_GRPC)
  find_package(gRPC CONFIG REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(prometheus-cpp CONFIG REQUIRED)
  # The package states the definitions that the library was compiled with: the layout of its classes depends on them.
  pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
endif()

pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(LIBDEFLATE REQUIRED IMPORTED_TARGET libdeflate)

# niftilib's reader, without its own CMake package (which names paths of its build machine).
find_path(AMAES_NIFTI_INCLUDE nifti2_io.h PATH_SUFFIXES nifti REQUIRED)
find_library(AMAES_NIFTI_LIBRARY nifti2 REQUIRED)
find_library(AMAES_ZNZ_LIBRARY znz REQUIRED)
add_library(amaes_nifti INTERFACE)
target_include_directories(amaes_nifti SYSTEM INTERFACE "${AMAES_NIFTI_INCLUDE}")
target_link_libraries(amaes_nifti INTERFACE "${AMAES_NIFTI_LIBRARY}" "${AMAES_ZNZ_LIBRARY}" ZLIB::ZLIB m)

# The site-packages of the product's virtual environment.
file(GLOB AMAES_SITE_PACKAGES "${AMAES_VENV}/product/lib/python3*/site-packages")
if(NOT AMAES_SITE_PACKAGES)
  message(FATAL_ERROR "no virtual environment under ${AMAES_VENV}/product: run ./dev setup first")
endif()

# c-blosc2: headers and a static library lie inside the blosc2 wheel.
add_library(amaes_blosc2 STATIC IMPORTED)
set_target_properties(amaes_blosc2 PROPERTIES
  IMPORTED_LOCATION "${AMAES_SITE_PACKAGES}/blosc2/lib/libblosc2.a")
target_include_directories(amaes_blosc2 SYSTEM INTERFACE "${AMAES_SITE_PACKAGES}/blosc2/include")
target_link_libraries(amaes_blosc2 INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)

# LibTorch: our own imported targets. The wheel's CMake package demands a CUDA toolkit even for the CPU part.
if(AMAES_WITH_TORCH)
  set(AMAES_TORCH_ROOT "${AMAES_SITE_PACKAGES}/torch" CACHE PATH "Root of the torch wheel: include/ and lib/")
  add_library(amaes_libtorch INTERFACE)
  target_include_directories(amaes_libtorch SYSTEM INTERFACE
    "${AMAES_TORCH_ROOT}/include" "${AMAES_TORCH_ROOT}/include/torch/csrc/api/include")
  target_link_libraries(amaes_libtorch INTERFACE
    "${AMAES_TORCH_ROOT}/lib/libtorch_cpu.so" "${AMAES_TORCH_ROOT}/lib/libc10.so" Threads::Threads)
  target_link_options(amaes_libtorch INTERFACE -Wl,--allow-shlib-undefined)
  set(CMAKE_BUILD_RPATH "${AMAES_TORCH_ROOT}/lib")
endif()

# CUDA, for the GPU module alone: everything else builds without it. nvcc is looked for in $CUDACXX and the path.
if(AMAES_WITH_TORCH)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
    enable_language(CUDA)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    find_package(CUDAToolkit REQUIRED)
    find_path(AMAES_NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} "${AMAES_SITE_PACKAGES}/nvidia/nccl/include")
  endif()
endif()
