//===- Images.h - PNG and JPEG
//------------------------------------------------------------------===//
//
// A library of its own (gnc_images): the runtime core links no image format, the tools link this.
// libpng and libjpeg-turbo do the decoding; here sizes are checked before memory is taken, and what
// they report becomes an error that names the file.
//
// Alpha is dropped, 16 bits become 8, gamma and orientation are not applied: what PIL's
// convert("RGB") gives.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/Image.h"

namespace gnc::runtime {

/// The decoder of PNG and JPEG files, by their first bytes, whatever their names. It lives as long
/// as the program.
const ImageDecoder &imageDecoder();

/// Does the file begin like a PNG or a JPEG?
bool isImageFile(const std::string &path);

} // namespace gnc::runtime
