using System.ComponentModel;
using System.Text.Json;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

public class ViewSettingsTests
{
    [Theory]
    [InlineData("auto")]
    [InlineData("base,across_views")]
    [InlineData("2x2,spatial_unpad")]
    [InlineData("3x1,tiles,across_views,least_padding")]
    public void Settings_survive_their_text_form(string text)
    {
        ViewSettings settings = ViewSettings.Parse(text);
        Assert.Equal(text, settings.ToString());
        Assert.Equal(settings, JsonSerializer.Deserialize<ViewSettings>(JsonSerializer.Serialize(settings)));
        Assert.Equal(settings, TypeDescriptor.GetConverter(typeof(ViewSettings)).ConvertFromInvariantString(text));
    }

    [Fact]
    public void Words_mean_what_they_say()
    {
        Assert.Equal(ViewSettings.Default, ViewSettings.Parse("auto, raster, spatial, per_view, llava"));
        Assert.Equal(
            new ViewSettings
            {
                Views = ImageViews.Grid(2, 2),
                Order = ViewOrder.Tiles,
                Budget = ViewBudget.AcrossViews,
                Resolution = ResolutionRule.LeastPadding,
            },
            ViewSettings.Parse("TILES,2x2,across_views,least_padding"));
        Assert.Equal(ViewMerge.SpatialUnpad, ViewSettings.Parse("spatial_unpad").Merge);
    }

    [Theory]
    [InlineData("")]
    [InlineData("auto,")]
    [InlineData("sideways")]
    [InlineData("auto,2x2")]
    [InlineData("raster,tiles")]
    [InlineData("tiles,spatial_unpad")]
    public void Other_texts_are_refused(string text)
    {
        Assert.Throws<FormatException>(() => ViewSettings.Parse(text));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<ViewSettings>(JsonSerializer.Serialize(text)));
    }

    [Fact]
    public void Contradictions_are_refused_by_options_too()
    {
        ViewSettings wrong = new() { Merge = ViewMerge.SpatialUnpad, Order = ViewOrder.Tiles };
        Assert.Contains("Raster", Assert.Throws<ArgumentException>(wrong.Validate).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new FasterVlmOptions { Views = wrong }.Validate());
        Assert.Throws<ArgumentException>(() => new FasterVlmOptions { Views = null! }.Validate());
        Assert.Throws<ArgumentException>(() => new ViewSettings { Order = (ViewOrder)9 }.Validate());
    }
}
