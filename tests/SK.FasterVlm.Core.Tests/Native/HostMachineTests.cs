using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Native;

public sealed class HostMachineTests
{
    [Theory]
    [InlineData(3, 0L)]
    [InlineData(3, 1L << 40)]
    public void Threads_AskedFor_AreTaken(int asked, long weightBytes) => Assert.Equal(asked, HostMachine.Threads(asked, weightBytes));

    [Theory]
    [InlineData(0L, 1)]
    [InlineData(1L, 1)]
    [InlineData(8L << 20, 1)]
    [InlineData((8L << 20) + 1, 2)]
    [InlineData(1L << 62, int.MaxValue)]
    public void Threads_Chosen_AreAsManyAsTheWeightsKeepBusy_AndTheMachineHas(long weightBytes, int most) =>
        Assert.Equal(Math.Min(most, HostMachine.PhysicalCores), HostMachine.Threads(0, weightBytes));
}
