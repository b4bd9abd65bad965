/* SPDX-License-Identifier: Apache-2.0 */
/* Names for containers that were given none. Rows of equal width: no pointers that a start would
 * have to relocate. */
#include "engine/create.h"

enum { WORD_SIZE = 12 };

/* clang-format off */
static const char adjectives[64][WORD_SIZE] = {
    "airy", "amber", "balmy", "bold", "breezy", "bright", "brisk", "calm",
    "candid", "clear", "clever", "cosy", "crisp", "deft", "dewy", "eager",
    "early", "earnest", "fair", "fleet", "fresh", "frugal", "gentle", "gilded",
    "glad", "golden", "hardy", "hearty", "hidden", "honest", "humble", "jolly",
    "keen", "kind", "light", "lively", "loyal", "lucid", "mellow", "merry",
    "mild", "misty", "modest", "neat", "nimble", "patient", "placid", "plucky",
    "proud", "quick", "quiet", "rosy", "rustic", "serene", "silver", "snug",
    "steady", "sunny", "swift", "tidy", "upbeat", "vivid", "warm", "witty",
};

static const char nouns[128][WORD_SIZE] = {
    "acacia", "acorn", "alder", "almond", "apple", "apricot", "arnica", "ash",
    "aspen", "aster", "balm", "bark", "barley", "basil", "bay", "beech",
    "berry", "birch", "blossom", "borage", "bramble", "brook", "broom", "bud",
    "calyx", "caraway", "cedar", "cell", "cherry", "chestnut", "chicory", "clover",
    "comb", "comfrey", "coppice", "cress", "crocus", "currant", "dahlia", "daisy",
    "dill", "drone", "elder", "elm", "fennel", "fern", "field", "fig",
    "flax", "flower", "forager", "garden", "gentian", "ginger", "glade", "gorse",
    "grove", "hawthorn", "hazel", "heath", "heather", "hedge", "hive", "hollow",
    "holly", "honey", "hop", "hyssop", "iris", "ivy", "jasmine", "juniper",
    "larch", "laurel", "lavender", "leaf", "lilac", "lily", "lime", "linden",
    "lotus", "lupin", "mallow", "maple", "marigold", "marjoram", "meadow", "melissa",
    "mint", "moss", "mulberry", "myrtle", "nectar", "nettle", "oak", "olive",
    "orchard", "oregano", "pansy", "peach", "pear", "peony", "petal", "pine",
    "plum", "pollen", "poplar", "poppy", "primrose", "quince", "rose", "rosemary",
    "rowan", "saffron", "sage", "skep", "sorrel", "spruce", "swarm", "thistle",
    "thyme", "tulip", "vetch", "vine", "violet", "wax", "willow", "yarrow",
};
/* clang-format on */

char *name_generate(uint64_t random)
{
    return xasprintf("%s_%s", adjectives[random % 64], nouns[random / 64 % 128]);
}
