# written by docs/write_stub.py
from glassdask.exchange.arrays import from_arrays as from_arrays
from glassdask.exchange.exporting import export as export
from glassdask.exchange.importing import import_configurations as import_configurations
from glassdask.physics.bond_order import hexatic_order as hexatic_order
from glassdask.physics.bond_order import steinhardt_order as steinhardt_order
from glassdask.physics.bonds import broken_bonds as broken_bonds
from glassdask.physics.centring import species_centred as species_centred
from glassdask.physics.chance import chance_correlation as chance_correlation
from glassdask.physics.coarse_graining import coarse_grain as coarse_grain
from glassdask.physics.coarse_graining import normalise as normalise
from glassdask.physics.configuration import structural_indicators as structural_indicators
from glassdask.physics.correlation_interval import correlation_interval as correlation_interval
from glassdask.physics.correlations import pearson as pearson
from glassdask.physics.correlations import spearman as spearman
from glassdask.physics.descriptors import structural_descriptors as structural_descriptors
from glassdask.physics.displacement import cage_relative_displacement as cage_relative_displacement
from glassdask.physics.displacement import cage_relative_squared_displacement as cage_relative_squared_displacement
from glassdask.physics.displacement import displacement_propensity as displacement_propensity
from glassdask.physics.displacement import mean_cage_relative_displacement as mean_cage_relative_displacement
from glassdask.physics.displacement import squared_displacement as squared_displacement
from glassdask.physics.energy import potential_energy as potential_energy
from glassdask.physics.images import at_particles as at_particles
from glassdask.physics.images import grid_density as grid_density
from glassdask.physics.indicators import indicator as indicator
from glassdask.physics.inherent import inherent_structures as inherent_structures
from glassdask.physics.linear_model import linear_classifier as linear_classifier
from glassdask.physics.onset import onset_from_cooling as onset_from_cooling
from glassdask.physics.onset import onset_from_displacement as onset_from_displacement
from glassdask.physics.propensity_ridge import propensity_ridge as propensity_ridge
from glassdask.physics.radial_distribution import radial_distribution as radial_distribution
from glassdask.physics.relaxation import mean_squared_displacement as mean_squared_displacement
from glassdask.physics.relaxation import overlap as overlap
from glassdask.physics.relaxation import relaxation_time as relaxation_time
from glassdask.physics.reliability import noise_corrected_correlation as noise_corrected_correlation
from glassdask.physics.reliability import split_half_reliability as split_half_reliability
from glassdask.physics.scattering import self_intermediate_scattering as self_intermediate_scattering
from glassdask.physics.statistics import mean_with_interval as mean_with_interval
from glassdask.physics.statistics import species_means as species_means
from glassdask.physics.structure import centroid_distance as centroid_distance
from glassdask.physics.structure import composition as composition
from glassdask.physics.structure import diameter as diameter
from glassdask.physics.structure import tong_tanaka as tong_tanaka
from glassdask.physics.structure import voronoi_volume as voronoi_volume
from glassdask.physics.structure_factor import structure_factor as structure_factor
from glassdask.physics.surroundings import coordination as coordination
from glassdask.physics.surroundings import local_density as local_density
from glassdask.physics.surroundings import pair_entropy as pair_entropy
from glassdask.physics.surroundings import unlike_neighbours as unlike_neighbours
from glassdask.physics.susceptibility import four_point_susceptibility as four_point_susceptibility
from glassdask.physics.susceptibility import peak_in_time as peak_in_time
from glassdask.store.opening import open as open

__version__: str
METHODS: dict[str, str]
FUNCTIONS: dict[str, str]
