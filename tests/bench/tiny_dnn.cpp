/* tiny_dnn - a peer of `make bench`: the seed network in tiny-dnn, header-only C++
 *
 *   c++ -std=c++14 -O3 -march=native -fopenmp -o tiny_dnn tests/bench/tiny_dnn.cpp
 *   ./tiny_dnn IMAGES LABELS BATCH BATCHES        MNIST's files, uncompressed
 *
 * Prints the seconds that BATCHES batches take after a first one that is not
 * counted; a whole epoch would take minutes. Adam and the loss are as in the other
 * programs. OMP_NUM_THREADS says how many threads.
 */
#define CNN_NO_SERIALIZATION
#define CNN_USE_AVX
#define CNN_USE_OMP
#include <tiny_dnn/tiny_dnn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace tiny_dnn;

int main(int argc, char **argv)
{
	if (argc != 5) {
		fputs("usage: tiny_dnn IMAGES LABELS BATCH BATCHES\n", stderr);
		return 2;
	}
	const size_t batch = strtoul(argv[3], nullptr, 10);
	const size_t samples = batch * strtoul(argv[4], nullptr, 10);
	std::vector<label_t> labels;
	std::vector<vec_t> images;
	network<sequential> net;
	adam optimizer;

	parse_mnist_labels(argv[2], &labels);
	parse_mnist_images(argv[1], &images, 0, 1, 0, 0);
	labels.resize(samples);
	images.resize(samples);
	net << convolutional_layer<relu>(28, 28, 3, 1, 32)
	    << max_pooling_layer<identity>(26, 26, 32, 2)
	    << convolutional_layer<relu>(13, 13, 3, 32, 64)
	    << max_pooling_layer<identity>(11, 11, 64, 2)
	    << fully_connected_layer<relu>(5 * 5 * 64, 128)
	    << fully_connected_layer<softmax>(128, 10);
	net.weight_init(weight_init::he());
	net.train<cross_entropy_multiclass>(optimizer,
		std::vector<vec_t>(images.begin(), images.begin() + batch),
		std::vector<label_t>(labels.begin(), labels.begin() + batch), batch, 1);

	const auto start = std::chrono::steady_clock::now();
	net.train<cross_entropy_multiclass>(optimizer, images, labels, batch, 1);
	const std::chrono::duration<double> seconds =
		std::chrono::steady_clock::now() - start;
	printf("%.4f\n", seconds.count());
	return 0;
}
