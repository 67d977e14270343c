"""The words that runs without a name are called by: `calm_harbor_1f0c9a7b`, as Azure's own clients make them."""

# Each with a space between.
ADJECTIVES = (
    "amber ashen blue brave bright brisk calm clear clever cool coral crisp deep eager fair fond frosty gentle "
    "golden good green happy honest icy jolly keen kind light lively loyal lucky mellow mild neat noble patient "
    "plain polite proud quick quiet ready red shy silent silver sleepy soft solid steady stoic sunny sweet tidy "
    "upbeat warm wise witty"
)
NOUNS = (
    "anchor apple arch basin beach berry bird boat bread bridge brook candle canyon carpet cloud comet coral "
    "cricket drum eagle evening feather fern field fig flame forest fox garden glove grape harbor hat heron island "
    "ivy jelly kettle lake lamp leaf lemon lion map meadow moon nail night onion orange panda pear plum pot queen "
    "rain river root sail seal shore snail star stone street tent tooth tree vase wave wheel wind yam zebra"
)
